"""The compose box: the widget that Gateway embeds, and a demonstration of the Contact Customer form around it."""
