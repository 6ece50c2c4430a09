"""Which backbones there are: architectures, weights, GFLOPS, accuracy. Never imports torch."""
