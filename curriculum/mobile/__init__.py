"""Curricula of environments: a phone network, an agent that learns to run it, and lessons.

- `spec`: a curriculum is a list of validated stages; it becomes a plan of episodes.
- `world`: the network, many copies at once; `rules` are the agents that learn nothing.
- `ppo`: the learner. `train` plays a curriculum with it and audits what was played.
- `authors` write curricula: published ones, hand-made, random, adaptive, language models;
  `local` asks a small language model on this machine.

Paper: Erak and others (2024), "LLM-driven curriculum design for mobile networks".
Chapter 20 explains it.
"""
