"""The results table of LeCun et al. 1998: its rows, and the recipes that train them."""
