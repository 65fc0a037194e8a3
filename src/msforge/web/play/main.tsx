import { render } from "preact";
import "./play.css";

render(<h1>msforge playground</h1>, document.getElementById("play")!);
