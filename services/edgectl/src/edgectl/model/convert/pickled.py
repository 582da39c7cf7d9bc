"""skops files, pickles and joblib files: scikit-learn, or the scikit-learn classes of XGBoost and LightGBM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgectl.model.convert.detect import PICKLED
from edgectl.model.convert.options import ConvertOptions
from edgectl.model.convert.quiet import framework
from edgectl.model.errors import ModelError

if TYPE_CHECKING:
    from edgectl.model.convert.source import Original

# Plain data in C structures of scikit-learn's own estimators, which skops leaves to its callers to allow.
_PLAIN = frozenset(
    {
        "numpy.dtype",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.link.IdentityLink",
        "sklearn._loss.link.LogLink",
        "sklearn._loss.link.MultinomialLogit",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn._loss.loss.HalfMultinomialLoss",
        "sklearn._loss.loss.HalfSquaredError",
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss._loss.CyHalfMultinomialLoss",
        "sklearn._loss._loss.CyHalfSquaredError",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
    }
)


def open_skops(source: str, options: ConvertOptions) -> Original:
    """Return the model of a skops file; types that skops does not know need trust."""
    import skops.io

    with framework(f"{source}: skops cannot read it"):
        unknown = sorted(set(skops.io.get_untrusted_types(file=source)))
    strange = [name for name in unknown if name not in _PLAIN]
    if strange and not options.trust:
        raise ModelError(
            f"{source}: want types that skops knows to be harmless, found {', '.join(strange[:5])}; "
            "--trust loads them when you know who made the file"
        )
    with framework(f"{source}: skops cannot load it"):
        model = skops.io.load(source, trusted=unknown)
    return of_object(source, model, options)


def open_pickle(source: str, options: ConvertOptions) -> Original:
    """Return the model of a pickle or joblib file, which runs code when it is loaded: only with trust."""
    if not options.trust:
        raise ModelError(
            f"{source}: want --trust for a pickle, since unpickling runs whatever code the file holds; give it when "
            "you know who made the file, or save the model with skops.io.dump"
        )
    from edgectl.model.convert.open import require

    require(source, "sklearn", "joblib")
    import joblib

    with framework(f"{source}: joblib cannot load it"):
        model = joblib.load(source)
    return of_object(source, model, options)


def of_object(source: str, model: Any, options: ConvertOptions) -> Original:
    """Return the Original of a loaded model by the package of its class, which must be as `options.framework` says."""
    from edgectl.model.convert import boost, sklearn
    from edgectl.model.convert.open import require

    kind = type(model)
    package = next((base.__module__.partition(".")[0] for base in kind.__mro__ if _known(base)), None)
    if package is None or not hasattr(model, "predict" if package != "sklearn" else "get_params"):
        raise ModelError(
            f"{source}: want a model of {', '.join(PICKLED)}, found {kind.__module__}.{kind.__qualname__} in it"
        )
    if options.framework not in (None, package):
        raise ModelError(
            f"{source}: want {options.framework} as --framework says, found {package}; leave --framework out"
        )
    if package == "sklearn":
        require(source, "sklearn", "sklearn", "skl2onnx")
        return sklearn.open_estimator(source, model, options)
    require(source, package, package, "onnxmltools", "skl2onnx")
    return boost.open_estimator(source, model, package, options)


def _known(base: type) -> bool:
    return base.__module__.partition(".")[0] in PICKLED
