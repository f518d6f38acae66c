import {
  LegendDisplayMode,
  LegendPlacement,
  TooltipDisplayMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  AdHocVariableBuilder,
  DashboardBuilder,
  type Dashboard,
  DashboardCursorSync,
  DatasourceVariableBuilder,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';
import type { Translate } from './translate.js';

/** A panel in kit's own metric names. */
export interface PanelSpec {
  title: string;
  description?: string;
  /** Grafana's unit id: `s`, `bytes`, `reqps`, `percentunit`, `short`. */
  unit: string;
  kind?: 'timeseries' | 'stat';
  /** Expression and legend. */
  queries: readonly (readonly [expression: string, legend: string])[];
}

export interface DashboardSpec {
  uid: string;
  title: string;
  description: string;
  panels: readonly PanelSpec[];
}

// The variable, so that a dashboard works with whatever Prometheus the user has.
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' };
const HEIGHT = 8;
const PER_ROW = 3;
const WIDTH = 24 / PER_ROW;

/**
 * A dashboard by Grafana's own builders. The queries hold no variables: filters come from Grafana's ad-hoc
 * filter, so every query can be sent to a Prometheus as it stands.
 */
export function buildDashboard(spec: DashboardSpec, translate: Translate): Dashboard {
  const builder = new DashboardBuilder(spec.title)
    .uid(spec.uid)
    .description(spec.description)
    .tags(['kit', 'generated'])
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: 'now-1h', to: 'now' })
    .refresh('30s')
    .timezone('browser')
    .editable()
    .withVariable(new DatasourceVariableBuilder('datasource').label('Data source').type('prometheus'))
    .withVariable(new AdHocVariableBuilder('filters').label('Filters').datasource(DATASOURCE));
  for (const [i, panel] of spec.panels.entries()) builder.withPanel(buildPanel(panel, i, translate));
  return builder.build();
}

/** Without a legend nobody knows which line is which. */
function namedLines() {
  return new TimeseriesBuilder()
    .legend(
      new VizLegendOptionsBuilder()
        .displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom)
        .showLegend(true),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi));
}

function buildPanel(spec: PanelSpec, index: number, translate: Translate) {
  const builder = spec.kind === 'stat' ? new StatBuilder() : namedLines();
  builder
    .id(index + 1)
    .title(spec.title)
    .unit(spec.unit)
    .datasource(DATASOURCE)
    .gridPos({
      x: (index % PER_ROW) * WIDTH,
      y: Math.floor(index / PER_ROW) * HEIGHT,
      w: WIDTH,
      h: HEIGHT,
    });
  if (spec.description) builder.description(spec.description);
  for (const [i, [expression, legend]] of spec.queries.entries()) {
    builder.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode('A'.charCodeAt(0) + i))
        .datasource(DATASOURCE)
        .expr(translate(expression))
        .legendFormat(translate(legend)),
    );
  }
  return builder;
}
