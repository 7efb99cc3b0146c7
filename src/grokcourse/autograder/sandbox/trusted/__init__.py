"""The sandbox's trusted side: starts workers, sends them a submission and asks them; no student's code runs here."""
