"""What torch, numpy and Python say most often when an answer fails, and what it means."""

from collections.abc import Callable

Rule = tuple[Callable[[str, str], bool], str]


def _has(*parts: str, kind: str = "") -> Callable[[str, str], bool]:
    """All of these texts are in it, and it is of that kind, if one is given."""
    return lambda raised, text: kind in ("", raised) and all(part in text for part in parts)


def _has_one(*parts: str, kind: str = "") -> Callable[[str, str], bool]:
    """At least one of these texts is in it, and it is of that kind, if one is given."""
    return lambda raised, text: kind in ("", raised) and any(part in text for part in parts)


RULES: tuple[Rule, ...] = (
    (
        lambda _, text: (
            "same dtype" in text
            or "dtypes match" in text
            or ("expected scalar type" in text and "but found" in text)
            or ("same scalar type" in text and "self" in text)
        ),
        "Two tensors of different dtype meet here, such as float32 and float64, or whole numbers and floats: "
        "convert one to the other's dtype with `.to(other.dtype)`.",
    ),
    (
        _has("used as ind"),
        "Only whole numbers (int64) or booleans can stand in square brackets: convert with `.long()`.",
    ),
    (
        _has("leaf Variable", "in-place"),
        "`+=`, `-=` and methods that end in `_` change a weight that is being trained: make a new tensor instead, or "
        "do it under `torch.no_grad()`.",
    ),
    (
        _has("modified by an inplace operation"),
        "`+=`, `-=` or a method that ends in `_` has overwritten numbers that the gradient still needs: write "
        "`x = x + y` instead.",
    ),
    (
        lambda _, text: "mask" in text and "bool" in text and ("only support" in text or "expected" in text),
        "The mask has to be a tensor of booleans: make it by a comparison, or convert it with `.bool()`.",
    ),
    (
        _has_one(
            "not implemented for 'Float'",
            "not implemented for 'Double'",
            "unsupported operand type(s) for &",
            "unsupported operand type(s) for |",
        ),
        "This operation does not exist for floats. `&` and `|` bind more tightly than `<` and `>`: put brackets "
        "around each comparison.",
    ),
    (
        _has_one("not implemented for 'Long'", "Input dtype must be either a floating point"),
        "This operation needs floats, and these are whole numbers: convert with `.float()`.",
    ),
    (
        _has_one(
            "shapes cannot be multiplied",
            "size mismatch",
            "Expected size for first two dimensions",
            "matmul: Input operand",
        ),
        "In a product of matrices the last dimension of the first has to be as long as the last but one of the second: "
        "print both shapes.",
    ),
    (
        _has_one("must match the size of tensor", "could not be broadcast"),
        "These two shapes do not go together entry by entry: counted from the right, dimensions have to be equal or 1. "
        "Print both shapes; `[:, None]` adds a dimension.",
    ),
    (
        _has_one("invalid for input of size", "cannot reshape array"),
        "The new shape has to hold exactly as many numbers as the old one.",
    ),
    (
        _has("view size is not compatible"),
        "`view` only works on contiguous memory: use `reshape`.",
    ),
    (
        _has_one("stack expects each tensor to be equal size", "all input arrays must have the same shape"),
        "`stack` puts together what has one and the same shape: print the shapes of what it is given.",
    ),
    (
        _has_one("Sizes of tensors must match except", "dimensions except for the concatenation axis must match"),
        "`cat` puts together what has the same shape but for the dimension along which it does so: print the shapes.",
    ),
    (
        _has("einsum", "does not broadcast"),
        "In `einsum` a letter stands for one length, and here it meets two: print the shapes beside the letters.",
    ),
    (
        _has_one("be on the same device", "is not on the expected device"),
        "The tensors are on different devices: make new ones with `device=x.device`.",
    ),
    (
        _has_one("cannot be converted to Scalar", "can be converted to Python scalars"),
        "`.item()` and `float(…)` need a tensor of one number, and this has more.",
    ),
    (
        _has_one("Boolean value of Tensor", "truth value of an array"),
        "`if`, `and`, `or` and `not` need one truth value, and this is a tensor of many: use `&`, `|`, `~`, "
        "`torch.where`, or `.all()` and `.any()`.",
    ),
    (
        _has("requires grad", "numpy"),
        "A tensor that is part of a gradient's computation becomes an array only with `.detach().numpy()`.",
    ),
    (
        _has("can be implicitly created only for scalar outputs"),
        "`backward()` starts from one number: take the mean or the sum first.",
    ),
    (
        _has_one("Dimension out of range", "out of bounds for array of dimension"),
        "A dimension is asked for that is not there: n dimensions are numbered from 0 to n − 1. Print the shape.",
    ),
    (
        _has_one("out of range", "out of bounds", kind="IndexError"),
        "An index is too large: counting starts at 0, so the last entry of n is n − 1.",
    ),
    (
        _has("'numpy.ndarray' object", kind="AttributeError"),
        "This is a numpy array, and the method is torch's: convert with `torch.from_numpy`.",
    ),
    (
        lambda kind, text: (
            kind == "AttributeError" and "'Tensor' object" in text and ("astype" in text or "copy" in text)
        ),
        "This is a tensor, and the method is numpy's: torch has `.to(dtype)` and `.clone()`.",
    ),
    (
        _has("positional argument", "()", kind="TypeError"),
        "The function is called with the arguments that the exercise's first line names, in that order.",
    ),
    (
        _has("does not require grad and does not have a grad_fn"),
        "Nothing here knows how it was computed: `.detach()`, `.item()` or `torch.no_grad()` has cut the way back.",
    ),
)
"""What torch, numpy and Python say most often, and what it means."""


def explained(kind: str, text: str) -> str:
    """One sentence of ours on a common error, or nothing."""
    return next((sentence for matches, sentence in RULES if matches(kind, text)), "")
