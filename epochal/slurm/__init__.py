"""Workers as jobs of a Slurm cluster: pilots, which come with the backlog and leave when they are idle."""
