"""A board as the JSON that Grafana provisions, through Grafana's own builders."""

from __future__ import annotations

import json
from typing import Any, cast

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, statetimeline, table, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models import prometheus as prometheus_models

from boards.panel import Annotation, Board, Panel, Query, Row, Variable

_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
# A heat map of a day and a state timeline of a week must both stay readable.
_REFRESH, _FROM = "30s", "now-3h"


def to_json(board: Board) -> str:
    """Return the dashboard as JSON text, the same for the same board."""
    builder = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.tells)
        .tags(["edge-serve"])
        .readonly()
        .refresh(_REFRESH)
        .time(_FROM, "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("data source").type("prometheus"))
    )
    for variable in board.variables:
        builder = builder.with_variable(_variable(variable))
    for annotation in board.annotations:
        builder = builder.annotation(_annotation(annotation))
    for row in board.rows:
        builder = _with_row(builder, row)
    made = builder.build()
    for number, panel in enumerate(made.panels or [], start=1):
        # Links to one panel hold over a change of the others only with an id of its own.
        panel.id_val = number
    page = json.loads(JSONEncoder(sort_keys=True).encode(made))
    for annotation, its in zip(board.annotations, page["annotations"].get("list", []), strict=True):
        # The builders do not know the legend of an annotation.
        its["titleFormat"] = annotation.text
    return json.dumps(page, sort_keys=True, indent=2) + "\n"


def _with_row(builder: dashboard.Dashboard, row: Row) -> dashboard.Dashboard:
    builder = builder.with_row(dashboard.Row(row.title))
    for panel in row.panels:
        builder = builder.with_panel(_panel(panel))
    return builder


def _variable(variable: Variable) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(_SOURCE)
        .query(f"label_values({variable.metric}, {variable.label})")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )


def _annotation(annotation: Annotation) -> dashboard.AnnotationQuery:
    query = dashboard.AnnotationQuery().name(annotation.name).datasource(_SOURCE)
    return query.expr(annotation.expr).enable(True).icon_color(annotation.colour)


def _panel(panel: Panel) -> Builder[models.Panel]:
    made: Any = {
        "timeseries": _timeseries,
        "heatmap": _heatmap,
        "states": _states,
        "table": _table,
    }[panel.kind](panel)
    made = made.title(panel.title).description(panel.tells).datasource(_SOURCE).unit(panel.unit)
    made = made.span(panel.width).height(panel.height)
    for index, query in enumerate(panel.queries):
        made = made.with_target(_target(query, chr(ord("A") + index), panel))
    return cast("Builder[models.Panel]", made)


def _target(query: Query, letter: str, panel: Panel) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(letter).legend_format(query.legend).datasource(_SOURCE)
    target = target.instant() if query.instant else target.range()
    if panel.kind in ("heatmap", "table"):
        heat = panel.kind == "heatmap"
        kinds = prometheus_models.PromQueryFormat
        target = target.format(kinds.HEATMAP if heat else kinds.TABLE)
    return target


def _timeseries(panel: Panel) -> timeseries.Panel:
    legend = (
        common.VizLegendOptions()
        .display_mode(common_models.LegendDisplayMode.LIST)
        .placement(common_models.LegendPlacement.BOTTOM)
    )
    made = timeseries.Panel().legend(legend).fill_opacity(10).min(0)
    tooltip = common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI)
    made = made.tooltip(tooltip.sort(common_models.SortOrder.DESCENDING))
    if panel.stack:
        made = made.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    return made


def _heatmap(panel: Panel) -> heatmap.Panel:
    axis = heatmap.YAxisConfig().unit(panel.unit)
    colour = heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    return heatmap.Panel().y_axis(axis).color(colour)


def _states(panel: Panel) -> statetimeline.Panel:
    options = {
        str(number): models.ValueMappingResult(text=text, color=colour, index=number)
        for number, (text, colour) in panel.states.items()
    }
    return (
        statetimeline.Panel()
        .mappings([models.ValueMap(options=options)])
        .show_value(common_models.VisibilityMode.NEVER)
    )


def _table(panel: Panel) -> table.Panel:
    """One line a set of labels, one column a query."""
    rename = {f"Value #{letter}": name for name, (_, letter) in panel.columns.items()}
    made = table.Panel().with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    made = made.with_transformation(
        models.DataTransformerConfig(
            id_val="organize", options={"excludeByName": {"Time": True}, "renameByName": rename, "indexByName": {}}
        )
    )
    for name, (unit, _) in panel.columns.items():
        made = made.override_by_name(name, [models.DynamicConfigValue(id_val="unit", value=unit)])
    return made
