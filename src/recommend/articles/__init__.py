"""How the fields of an article are read: markup, dates, languages, addresses, and the bounds of each."""
