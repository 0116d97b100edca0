"""Looking inside trained models: probes, similarity, the loss between models, patching.

- `patching`: what every layer computes, and what follows if one of these vectors is replaced.
- `probes`: can a linear map read a fact off a layer? With a control task.
- `similarity`: do two models compute alike (CKA); how even is an output head.
- `landscape`: the loss on the line between two models, units put into the same order first;
  gradient noise; sharpness.

Nothing here trains a model. Chapter 23 uses it.
"""
