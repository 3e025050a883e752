"""Search: legal layouts as arrays, and what is best among them."""
