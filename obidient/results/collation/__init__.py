"""What officials declared for an area, beside what the result sheets say."""
