"""`report.html`: one page a person can look at, that needs nothing but itself."""
