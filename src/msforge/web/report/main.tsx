import { render } from "preact";
import { Cursor } from "../shared/chart.tsx";
import { AgreementPage } from "./agreement.tsx";
import { ComparisonPage } from "./comparison.tsx";
import { GraphPanel } from "./graph.tsx";
import { HeatPanel } from "./heat.tsx";
import { MarksPanel } from "./marks.tsx";
import type { Agreement, Comparison, Run } from "./page.ts";
import { Patterns } from "./patterns.tsx";
import { RequestPanels } from "./requests.tsx";
import { ChannelsPanel, CostPanel, RepeatPanel, StormPanel } from "./rest.tsx";
import { SlowPanel } from "./slow.tsx";
import { TimeBar } from "./timebar.tsx";
import { Top } from "./top.tsx";
import { TracesPanel } from "./traces.tsx";
import { VerdictPanel } from "./verdict.tsx";
import "./report.css";

function RunPage({ run, cursor }: { run: Run; cursor: Cursor }) {
  return (
    <>
      <Top title={run.system} subtitle={run.scenario && `scenario ${run.scenario}`} facts={run.facts} />
      <VerdictPanel verdict={run.verdict} />
      {run.time.points > 1 && <TimeBar axis={run.time} cursor={cursor} />}
      <GraphPanel graph={run.graph} cursor={cursor} />
      <RequestPanels run={run} cursor={cursor} />
      <HeatPanel run={run} cursor={cursor} />
      <StormPanel run={run} cursor={cursor} />
      <SlowPanel slow={run.slow} />
      <TracesPanel traces={run.traces} />
      <MarksPanel marks={run.marks} time={run.time} cursor={cursor} />
      <ChannelsPanel run={run} cursor={cursor} />
      <CostPanel cost={run.cost} />
      <RepeatPanel repeat={run.repeat} notes={run.notes} />
    </>
  );
}

/** Paper is white: what is drawn on canvases has to be drawn anew for it. */
function printing(): void {
  const root = document.documentElement;
  const before = () => {
    root.dataset["kept"] = root.dataset["theme"] ?? "";
    root.dataset["theme"] = "light";
    dispatchEvent(new Event("palette"));
  };
  const after = () => {
    if (root.dataset["kept"]) root.dataset["theme"] = root.dataset["kept"];
    else delete root.dataset["theme"];
    dispatchEvent(new Event("palette"));
  };
  addEventListener("beforeprint", before);
  addEventListener("afterprint", after);
}

const page = JSON.parse(document.getElementById("page")!.textContent!) as Run | Comparison | Agreement;
printing();
render(
  <>
    <Patterns />
    {page.kind === "run" ? (
      <RunPage run={page} cursor={new Cursor(page.time.start)} />
    ) : page.kind === "comparison" ? (
      <ComparisonPage page={page} />
    ) : (
      <AgreementPage page={page} />
    )}
  </>,
  document.getElementById("report")!,
);
