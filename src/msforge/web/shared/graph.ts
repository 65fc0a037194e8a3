// The graph that Python drew (diagram/embedded.py), and what a page draws on it.

export interface Node {
  id: string;
  kind: string;
  name: string;
  members: string[];
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Arrow {
  tail: string;
  head: string;
  kind: string;
  what: string[];
  words: string;
  points: [number, number][];
}

export interface Picture {
  /** Markup in which Python escaped every name. */
  svg: string;
  width: number;
  height: number;
  nodes: Node[];
  arrows: Arrow[];
}

/** The drawn groups of a picture in `place`: of each node by its id, of each arrow by its place in `arrows`. */
export interface Drawn {
  svg: SVGSVGElement;
  nodes: Map<string, SVGGElement>;
  arrows: SVGGElement[];
}

/** Puts the picture into `place`. */
export function draw(place: HTMLElement, picture: Picture): Drawn {
  place.innerHTML = picture.svg;
  const svg = place.querySelector("svg")!;
  const nodes = new Map([...svg.querySelectorAll<SVGGElement>("g.node")].map((group) => [group.id, group]));
  const arrows = [...svg.querySelectorAll<SVGGElement>("g.arrow")].slice(0, picture.arrows.length);
  return { svg, nodes, arrows };
}

/** An SVG element with attributes. */
export function element<K extends keyof SVGElementTagNameMap>(
  name: K,
  attributes: Record<string, string | number>,
): SVGElementTagNameMap[K] {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  return made;
}
