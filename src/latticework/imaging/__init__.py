"""Waves → pictures and labels, in torch: batched, on any device, made anew for every step."""
