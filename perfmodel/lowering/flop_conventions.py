"""How publications count the FLOP of a step, by the names that they go by."""

from perfmodel_kernels.parameters import Convention

CONVENTIONS = {
    "6N": Convention(attention=0.0, vocabulary=1.0, embedding=1.0, passes=3.0),
    "6N+attn_noncausal": Convention(attention=1.0, vocabulary=1.0, embedding=0.0, passes=3.0),
    "6N+attn_causal": Convention(attention=0.5, vocabulary=1.0, embedding=0.0, passes=3.0),
    "hardware": Convention(attention=1.0, vocabulary=1.0, embedding=0.0, passes=4.0),
}
"""Six FLOP per matrix element, the embedding among them (Kaplan et al., arXiv 2001.08361); with the
whole score matrix (Chowdhery et al., arXiv 2204.02311, appendix B); with its causal half; with the
whole matrix and every layer computed twice (Narayanan et al., arXiv 2104.04473, equation 3)."""
