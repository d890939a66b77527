/** The parts of ECharts that the page uses; loaded with the first chart. A new kind of chart is registered here. */

import { CustomChart, HeatmapChart, LineChart, ScatterChart } from "echarts/charts";
import { AxisPointerComponent, DataZoomComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { CanvasRenderer } from "echarts/renderers";

use([
  ...[CustomChart, HeatmapChart, LineChart, ScatterChart, CanvasRenderer],
  ...[AxisPointerComponent, DataZoomComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, VisualMapComponent],
]);

export { init };
