/** The parts of ECharts that the page uses; loaded with the first chart. A new kind of chart is registered here. */

import { BarChart, CustomChart, HeatmapChart, LineChart, ParallelChart, ScatterChart } from "echarts/charts";
import {
  AxisPointerComponent,
  BrushComponent,
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  MarkAreaComponent,
  MarkLineComponent,
  MarkPointComponent,
  ParallelComponent,
  ToolboxComponent,
  TooltipComponent,
  VisualMapComponent,
} from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([
  ...[BarChart, CustomChart, HeatmapChart, LineChart, ParallelChart, ScatterChart],
  ...[AxisPointerComponent, BrushComponent, DataZoomComponent, GridComponent, LegendComponent],
  ...[MarkAreaComponent, MarkLineComponent, MarkPointComponent, ParallelComponent],
  ...[ToolboxComponent, TooltipComponent, VisualMapComponent, CanvasRenderer],
]);

export { init };
