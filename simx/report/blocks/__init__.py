"""What a format renders: headings, paragraphs and tables, made from results."""
