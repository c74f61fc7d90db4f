"""Pages about results: elections, doubts under review, intake."""
