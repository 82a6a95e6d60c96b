"""What an experiment is: one file a modality, which says how its studies are simulated, learned,
read and scored."""
