"""The spool: events kept on disk in three priorities until every sink has them, and after that while there is room."""
