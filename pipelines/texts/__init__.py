"""What a text is made of: functions on columns of text, and how a text is cut into sentences."""
