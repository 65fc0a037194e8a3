import { render } from "preact";
import "./report.css";

const data = JSON.parse(document.getElementById("page")!.textContent!);
render(<h1>{data}</h1>, document.getElementById("report")!);
