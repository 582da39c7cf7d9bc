"""Does a graph answer as its original does?"""
