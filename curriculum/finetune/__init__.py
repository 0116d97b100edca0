"""Fine-tuning a pretrained language model on instructions in a planned order.

Read `data` first (what an item is), then `loop` (one step, one plan), `score` (what came of
it) and `orders` (three published orders). `pretrained` finds a model. Explained in chapter 19.
`strategies` (six orders that people learn in), `questions` and `choices` (multiple choice) are
chapter 21's.

This room needs the optional packages `transformers` and `peft`; they are imported where they
are used, and a missing one is an error of one line.
"""
