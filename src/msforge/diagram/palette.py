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


def variables(colours: dict[str, str]) -> str:
    """As CSS declarations."""
    return " ".join(f"--{name}: {value};" for name, value in colours.items())
