"""The colours of every picture: told apart with any colour vision, and never alone: shapes and dashes say the same.

From Okabe and Ito's palette (Color Universal Design, 2008), as CSS variables with a dark variant.
"""

from typing import Final

LIGHT: Final = {
    "ground": "#ffffff", "ink": "#1d2733", "quiet": "#52606d", "line": "#7b8794",
    "box": "#eef4fb", "box-line": "#0072b2",
    "traffic": "#fdf3dc", "traffic-line": "#b07800", "store": "#e8f5ef", "store-line": "#00795a",
    "channel": "#f9ebf3", "channel-line": "#a64d86", "outside": "#f4f5f7", "outside-line": "#7b8794",
}
DARK: Final = {
    "ground": "#14191f", "ink": "#eef2f6", "quiet": "#b4bfca", "line": "#8796a5",
    "box": "#14293a", "box-line": "#56b4e9",
    "traffic": "#33280d", "traffic-line": "#e69f00", "store": "#0f2e25", "store-line": "#2fc39a",
    "channel": "#351d2c", "channel-line": "#dd92bf", "outside": "#242b33", "outside-line": "#8796a5",
}
CHARTS_LIGHT: Final = {
    "panel": "#f7f9fb", "rule": "#dfe5ea", "good": "#00795a", "bad": "#c2410c", "bad-ground": "#fdeee6",
    "unsure": "#8a5d00", "fault": "#c2410c22",
    "series-1": "#0072b2", "series-2": "#b07800", "series-3": "#00795a", "series-4": "#a64d86", "series-5": "#c2410c",
    "series-6": "#52606d",
    "heat-0": "#f0f5fa", "heat-1": "#0b3c61",
}
"""What the pages of the browser need beside: charts, verdicts, heat."""
CHARTS_DARK: Final = {
    "panel": "#1a2129", "rule": "#2f3943", "good": "#2fc39a", "bad": "#ff8f5a", "bad-ground": "#3a1e12",
    "unsure": "#e6b450", "fault": "#ff8f5a2e",
    "series-1": "#56b4e9", "series-2": "#e69f00", "series-3": "#2fc39a", "series-4": "#dd92bf", "series-5": "#ff8f5a",
    "series-6": "#b4bfca",
    "heat-0": "#1d262f", "heat-1": "#8fd0f7",
}


def variables(colours: dict[str, str]) -> str:
    """As CSS declarations."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())


def stylesheet() -> str:
    """The variables for a whole page: light, or dark where the reader's system is; always light on paper.

    `data-theme` on the root element, `light` or `dark`, goes before the system.
    """
    light, dark = variables(LIGHT | CHARTS_LIGHT), variables(DARK | CHARTS_DARK)
    return (
        f":root {{ color-scheme: light; {light} }}\n"
        f"@media screen {{ :root[data-theme=dark] {{ color-scheme: dark; {dark} }} }}\n"
        "@media screen and (prefers-color-scheme: dark) "
        f"{{ :root:not([data-theme=light]) {{ color-scheme: dark; {dark} }} }}\n"
    )
