"""“My polling unit”: any of them found by its code or name, and shown with its sheet's photo."""
