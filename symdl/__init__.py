"""symdl: derive, prove and run the calculus of deep learning."""

from typing import TYPE_CHECKING

# The rooms whose names are functions too: a room imported later would take the place of sd.prove and sd.train.
from symdl import prove as _prove_room, train as _train_room
from symdl.later import imported_later as _imported_later

del prove, train  # type: ignore[name-defined]  # noqa: F821

# What a user's ``sd.`` offers. The names stand here once: type checkers read them, and at run time each is imported when it is first used.
if TYPE_CHECKING:
    from symdl.expr.activations import clamp, glu, log_softmax, prelu, rrelu, softmin
    from symdl.expr.dims import dims, indices
    from symdl.expr.ops import (
        abs_ as abs,
        arctan,
        cos,
        cosh,
        delta,
        det,
        diag,
        dot,
        erf,
        exp,
        eye,
        gelu,
        inv,
        least_squares,
        log,
        logdet,
        logsumexp,
        max_ as max,
        mean,
        ones,
        outer,
        relu,
        sigmoid,
        sign,
        silu,
        sin,
        sinh,
        softmax,
        softplus,
        sqrt,
        step,
        sum_ as sum,
        tan,
        tanh,
        trace,
        transpose,
        zeros,
    )
    from symdl.expr.matrices import cumsum, hadamard, kron, matrix_power, min_ as min, norm, std, tril, triu, var, vec
    from symdl.expr.functions import (
        celu,
        clip,
        elu,
        expm1,
        gelu_tanh,
        hardshrink,
        hardsigmoid,
        hardswish,
        hardtanh,
        leaky_relu,
        log1p,
        log_sigmoid,
        log_sigmoid as logsigmoid,
        maximum,
        minimum,
        mish,
        positive,
        relu6,
        selu,
        softshrink,
        softsign,
        tanhshrink,
        threshold,
    )
    from symdl.expr.language.parse import parse
    from symdl.expr.tex.reading import parse_latex
    from symdl.expr.recur import last, recur
    from symdl.expr.tensor import Expr, let, tensor
    from symdl.expr.windows import concat, equal, gather, iszero, pad, position, reshape, stack, where, window
    from symdl.errors import (
        DataError,
        DivergenceError,
        DomainError,
        MissingExtraError,
        NameError_,
        ParseError,
        ShapeError,
        SymdlError,
        UnsupportedError,
    )
    from symdl.model.losses import (
        binary_cross_entropy,
        binary_cross_entropy_with_logits,
        cosine_embedding_loss,
        cosine_similarity,
        cross_entropy,
        cross_entropy_loss,
        gaussian_nll_loss,
        hinge_embedding_loss,
        huber_loss,
        kl_div,
        l1_loss,
        margin_ranking_loss,
        mse_loss,
        multi_margin_loss,
        multilabel_margin_loss,
        multilabel_soft_margin_loss,
        nll_loss,
        pairwise_distance,
        poisson_nll_loss,
        smooth_l1_loss,
        soft_margin_loss,
        triplet_margin_loss,
        triplet_margin_with_distance_loss,
    )
    from symdl.computational_graph import Graph
    from symdl.differentials import differential
    from symdl.lower.api import evaluate, lambdify
    from symdl.model.attention import attention_weights, masked_softmax, multi_head_attention, scaled_dot_product_attention
    from symdl.model.convolution import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
    from symdl.model.dropout import dropout
    from symdl.model.layers import dense, network
    from symdl.model.linear import bilinear, embedding, linear
    from symdl.model.normalization import batch_norm, group_norm, instance_norm, layer_norm, rms_norm, standardize
    from symdl.model.pooling import (
        adaptive_avg_pool1d,
        adaptive_avg_pool2d,
        adaptive_max_pool1d,
        adaptive_max_pool2d,
        avg_pool1d,
        avg_pool2d,
        global_avg_pool,
        global_max_pool,
        max_pool1d,
        max_pool2d,
    )
    from symdl.model.recurrent import gru, gru_cell, lstm, lstm_cell, rnn, rnn_cell
    from symdl.model.transformer import (
        attention_parameters,
        decoder_parameters,
        encoder_parameters,
        transformer_decoder_layer,
        transformer_encoder_layer,
    )
    from symdl.pipeline import derive, grad, hessian, hvp, jacobian, jvp, run_page, train, value_and_grad, verify_page, vjp
    from symdl.saved.files import from_json, load, save, to_json
    from symdl.steps.page import Page
    from symdl.steps.verdict import Report, Verdict
    from symdl.mend import check
    from symdl.prove.equal import prove

__getattr__, __dir__, __all__ = _imported_later(__name__)
