"""What was translated before is not translated again."""
