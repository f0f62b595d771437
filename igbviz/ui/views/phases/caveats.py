"""What is true of the phase diagram, and what is simplified."""

CAVEATS = """
- **Ordered** (χ₁ < 1): gradients vanish with depth, and nearby inputs become the same. With biases (σ²b > 0) all
  inputs do: c\\* = 1, and γ grows exponentially with depth. Without biases tanh, erf and linear networks keep
  uncorrelated inputs uncorrelated: c\\* = 0, and γ = 0 at every depth.
- **Chaotic** (χ₁ > 1): gradients explode. Where q\\* is finite, inputs stay apart (c\\* < 1) and γ stays finite.
  Where the variance explodes, activations that are kinked, or look kinked to large inputs, still lead to c\\* = 1:
  ReLU, leaky ReLU, |x| and GELU at (3, 0.05).
- For ReLU c\\* = 1 in both phases: they differ in χ₁ and in how fast c gets there.
- χ₁ is the factor by which the *squared* difference of two nearby inputs grows per layer; the difference itself
  grows by √χ₁.
- ξ is an e-folding length: over ξ layers the distance to c\\* shrinks to about 37 % of what it was.
- *γ is infinite at the edge of chaos* holds for infinite depth and with biases: tanh at (1.76, 0.05) has γ = 2.2
  after 20 layers, tanh at (1, 0) has γ = 0 at every depth.
- *tanh has no bias* holds for σ²b = 0 and uncorrelated inputs only; with biases in the ordered phase its prejudice
  is deep.
- *Depth makes the bias grow* holds for ReLU (in the limit like its square), not for GELU at (2, 0) beyond 13
  layers.
- *Neutral networks cannot be trained*, because γ\\* = 0 implies χ₁ > 1, holds for infinite depth, a finite q\\* > 0
  and a curved activation. Without these it fails: with γ = 0 at every depth, tanh at (0.5, 0) is ordered and tanh
  at (1, 0) lies on the edge, where q\\* = 0. Twenty tanh layers at (1, 0) and (1.2, 0) trained as well as at (1.76,
  0.05): accuracies of 0.72 to 0.81 against 0.76 and 0.79, two seeds each, ten classes.
- PyTorch's default, σ²w = 1/3 and σ²b = 1/(3n), is deep in the ordered phase.

Theory for infinitely wide, fully connected networks and uncorrelated inputs: Schoenholz et al. 2017 (arXiv
1611.01232), Francazi et al. 2024 (arXiv 2306.00809), Bassi et al. 2025 (arXiv 2505.12096).
"""
