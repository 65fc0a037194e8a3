import { expect, test } from "vitest";
import { count, duration, figure, moment, percent, significant } from "../shared/format.ts";

test("durations in the unit that suits them", () => {
  const said = [0, 12, 1500, 412e6, 999.6e6, 1.25e9, 119.94e9, 200e9, 7500e9].map(duration);
  expect(said).toEqual(["0", "12.0ns", "1.50µs", "412ms", "1.00s", "1.25s", "120s", "3m20s", "2h05m"]);
});

test("moments, shares, counts", () => {
  expect([0, 1.5e9, 60e9, 125e9].map(moment)).toEqual(["0s", "1.5s", "60s", "2m05s"]);
  expect([0, 0.0031, 0.992, 0.99997, 1].map(percent)).toEqual(["0%", "0.310%", "99.2%", "99.997%", "100%"]);
  expect([0, 3.4, 12345.6, 0.0002, 0.25].map(count)).toEqual(["0", "3.40", "12,346", "<0.001", "0.25"]);
});

test("no digit before the point is rounded away, none is invented", () => {
  expect([12345.6, 9.996, 0.0123].map((value) => significant(value))).toEqual(["12346", "10.0", "0.0123"]);
  expect(figure(null, "ns")).toBe("–");
  expect(figure(120, "per_second")).toBe("120/s");
});
