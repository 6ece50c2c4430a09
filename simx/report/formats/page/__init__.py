"""The HTML page of a report: what it shows, as data; its template, style, scripts and charts."""
