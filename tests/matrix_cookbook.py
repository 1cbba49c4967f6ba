"""The derivative identities of the Matrix Cookbook (Petersen and Pedersen, version of 15 November 2012), chapter 2, by equation number.

In the syntax of ``identities.py``. Left out: complex arguments (45), eigenvalues (65-68), matrix functions by power series (128), Toeplitz matrices, and
those in components, which test_matrix_cookbook.py states by itself. Equation 92 is the corrected one, for n = 2: the book's has its powers of X wrong.
"""

from __future__ import annotations

from identities import Case

#: number: (kind, variables, f, by, what the book says), and what arguments are drawn from.
TABLE = {
    "34": ("diff", "X:m,n c:", "c*X", "X", "c*dX"),
    "35": ("diff", "X:m,n Y:m,n", "X + Y", "X", "dX"),
    "36": ("diff", "X:n,n", "tr(X)", "X", "tr(dX)"),
    "37": ("diff", "X:m,n Y:n,p", "X @ Y", "X", "dX @ Y"),
    "38": ("diff", "X:m,n Y:m,n", "had(X, Y)", "X", "had(dX, Y)"),
    "39": ("diff", "X:m,n Y:p,q", "kron(X, Y)", "X", "kron(dX, Y)"),
    "40": ("diff", "X:n,n/inv", "inv(X)", "X", "-(inv(X) @ dX @ inv(X))"),
    "42": ("diff", "X:n,n/inv", "det(X)", "X", "det(X)*tr(inv(X) @ dX)"),
    "43": ("diff", "X:n,n/inv", "logdet(X)", "X", "tr(inv(X) @ dX)"),
    "44": ("diff", "X:m,n", "T(X)", "X", "T(dX)"),
    "46": ("dscalar", "A:n,n/inv B:n,n t:/small", "det(A + t*B)", "t", "det(A + t*B)*tr(inv(A + t*B) @ B)"),
    "48": (
        "dscalar2",
        "A:n,n/inv B:n,n t:/small",
        "det(A + t*B)",
        "t",
        "det(A + t*B)*(tr(inv(A + t*B) @ B)**2 - tr(inv(A + t*B) @ B @ inv(A + t*B) @ B))",
    ),
    "49": ("grad", "X:n,n/inv", "det(X)", "X", "det(X)*T(inv(X))"),
    "51": ("grad", "A:n,n/inv X:n,n/inv B:n,n/inv", "det(A @ X @ B)", "X", "det(A @ X @ B)*T(inv(X))"),
    "52": ("grad", "X:n,n/inv A:n,n/inv", "det(T(X) @ A @ X)", "X", "2*det(T(X) @ A @ X)*T(inv(X))"),
    "53": ("grad", "X:m,n A:m,m/spd", "det(T(X) @ A @ X)", "X", "2*det(T(X) @ A @ X)*(A @ X @ inv(T(X) @ A @ X))"),
    "54": ("grad", "X:m,n A:m,m/inv", "det(T(X) @ A @ X)", "X", "det(T(X) @ A @ X)*(A @ X @ inv(T(X) @ A @ X) + T(A) @ X @ inv(T(X) @ T(A) @ X))"),
    "55": ("grad", "X:m,n", "logdet(T(X) @ X)", "X", "2*(X @ inv(T(X) @ X))"),
    "57": ("grad", "X:n,n/inv", "logdet(X)", "X", "T(inv(X))"),
    "58": ("grad", "X:n,n/inv", "det(mpow(X, 3))", "X", "3*det(mpow(X, 3))*T(inv(X))"),
    "59": ("dscalar", "A:n,n/inv B:n,n t:/small", "inv(A + t*B)", "t", "-(inv(A + t*B) @ B @ inv(A + t*B))"),
    "61": ("grad", "a:n,1 X:n,n/inv b:n,1", "sc(T(a) @ inv(X) @ b)", "X", "-(T(inv(X)) @ a @ T(b) @ T(inv(X)))"),
    "62": ("grad", "X:n,n/inv", "det(inv(X))", "X", "-(det(inv(X))*T(inv(X)))"),
    "63": ("grad", "A:p,n X:n,n/inv B:n,p", "tr(A @ inv(X) @ B)", "X", "-T(inv(X) @ B @ A @ inv(X))"),
    "64": ("grad", "X:n,n/inv A:n,n/small", "tr(inv(X + A))", "X", "-T(inv(X + A) @ inv(X + A))"),
    "69": ("grad", "x:n,1 a:n,1", "sc(T(x) @ a)", "x", "a"),
    "70": ("grad", "a:m,1 X:m,n b:n,1", "sc(T(a) @ X @ b)", "X", "a @ T(b)"),
    "71": ("grad", "a:n,1 X:m,n b:m,1", "sc(T(a) @ T(X) @ b)", "X", "b @ T(a)"),
    "72": ("grad", "a:n,1 X:n,n", "sc(T(a) @ X @ a)", "X", "a @ T(a)"),
    "75": ("diff", "X:m,n A:m,p", "T(X) @ A", "X", "T(dX) @ A"),
    "76": ("grad", "X:m,n", "sum(X)**2", "X", "2*sum(X)*ones(m,n)"),
    "77": ("grad", "X:m,n b:n,1 c:n,1", "sc(T(b) @ T(X) @ X @ c)", "X", "X @ (b @ T(c) + c @ T(b))"),
    "78": (
        "grad",
        "B:m,n x:n,1 b:m,1 C:m,p D:p,n d:p,1",
        "sc(T(B @ x + b) @ C @ (D @ x + d))",
        "x",
        "T(B) @ C @ (D @ x + d) + T(D) @ T(C) @ (B @ x + b)",
    ),
    "80": ("diff", "X:m,n B:m,m", "T(X) @ B @ X", "X", "T(X) @ B @ dX + T(dX) @ B @ X"),
    "81": ("grad", "x:n,1 B:n,n", "sc(T(x) @ B @ x)", "x", "(B + T(B)) @ x"),
    "82": ("grad", "b:n,1 X:m,n D:m,m c:n,1", "sc(T(b) @ T(X) @ D @ X @ c)", "X", "T(D) @ X @ b @ T(c) + D @ X @ c @ T(b)"),
    "83": ("grad", "X:m,n b:n,1 c:m,1 D:m,m", "sc(T(X @ b + c) @ D @ (X @ b + c))", "X", "(D + T(D)) @ (X @ b + c) @ T(b)"),
    "84": ("grad", "x:m,1 A:m,n s:n,1 W:m,m/sym", "sc(T(x - A @ s) @ W @ (x - A @ s))", "s", "-2*(T(A) @ W @ (x - A @ s))"),
    "85": ("grad", "x:n,1 s:n,1 W:n,n/sym", "sc(T(x - s) @ W @ (x - s))", "x", "2*(W @ (x - s))"),
    "86": ("grad", "x:n,1 s:n,1 W:n,n/sym", "sc(T(x - s) @ W @ (x - s))", "s", "-2*(W @ (x - s))"),
    "87": ("grad", "x:m,1 A:m,n s:n,1 W:m,m/sym", "sc(T(x - A @ s) @ W @ (x - A @ s))", "x", "2*(W @ (x - A @ s))"),
    "88": ("grad", "x:m,1 A:m,n s:n,1 W:m,m/sym", "sc(T(x - A @ s) @ W @ (x - A @ s))", "A", "-2*(W @ (x - A @ s) @ T(s))"),
    "91": ("grad", "a:n,1 X:n,n b:n,1", "sc(T(a) @ mpow(X, 3) @ b)", "X", "a @ T(X @ X @ b) + T(X) @ a @ T(X @ b) + T(X) @ T(X) @ a @ T(b)"),
    "92": (
        "grad",
        "a:n,1 X:n,n b:n,1",
        "sc(T(a) @ T(mpow(X,2)) @ mpow(X,2) @ b)",
        "X",
        "X @ X @ (a @ T(b) + b @ T(a)) @ T(X) + T(X) @ X @ X @ (a @ T(b) + b @ T(a))",
    ),
    "95": (
        "grad",
        "A:m,n B:p,n x:n,1",
        "sc(T(A @ x) @ (A @ x))/sc(T(B @ x) @ (B @ x))",
        "x",
        "(2/sc(T(B @ x) @ (B @ x)))*(T(A) @ A @ x) - (2*sc(T(A @ x) @ (A @ x))/sc(T(B @ x) @ (B @ x))**2)*(T(B) @ B @ x)",
    ),
    "97": ("grad", "A:n,n b:n,1 x:n,1", "sc(T(x) @ A @ x) + sc(T(b) @ x)", "x", "(A + T(A)) @ x + b"),
    "98": ("hess", "A:n,n b:n,1 x:n,1", "sc(T(x) @ A @ x) + sc(T(b) @ x)", "x", "A + T(A)"),
    "99": ("grad", "X:n,n", "tr(X)", "X", "I(n)"),
    "100": ("grad", "X:m,n A:n,m", "tr(X @ A)", "X", "T(A)"),
    "101": ("grad", "A:p,m X:m,n B:n,p", "tr(A @ X @ B)", "X", "T(A) @ T(B)"),
    "102": ("grad", "A:p,n X:m,n B:m,p", "tr(A @ T(X) @ B)", "X", "B @ A"),
    "103": ("grad", "X:m,n A:m,n", "tr(T(X) @ A)", "X", "A"),
    "104": ("grad", "X:m,n A:m,n", "tr(A @ T(X))", "X", "A"),
    "105": ("grad", "A:m,m X:n,n", "tr(kron(A, X))", "X", "tr(A)*I(n)"),
    "106": ("grad", "X:n,n", "tr(mpow(X, 2))", "X", "2*T(X)"),
    "107": ("grad", "X:n,n B:n,n", "tr(mpow(X, 2) @ B)", "X", "T(X @ B + B @ X)"),
    "108": ("grad", "X:m,n B:m,m", "tr(T(X) @ B @ X)", "X", "B @ X + T(B) @ X"),
    "109": ("grad", "X:m,n B:m,m", "tr(B @ X @ T(X))", "X", "B @ X + T(B) @ X"),
    "110": ("grad", "X:m,n B:m,m", "tr(X @ T(X) @ B)", "X", "B @ X + T(B) @ X"),
    "111": ("grad", "X:m,n B:n,n", "tr(X @ B @ T(X))", "X", "X @ T(B) + X @ B"),
    "112": ("grad", "X:m,n B:n,n", "tr(B @ T(X) @ X)", "X", "X @ T(B) + X @ B"),
    "113": ("grad", "X:m,n B:n,n", "tr(T(X) @ X @ B)", "X", "X @ T(B) + X @ B"),
    "114": ("grad", "A:n,m X:m,n B:n,m", "tr(A @ X @ B @ X)", "X", "T(A) @ T(X) @ T(B) + T(B) @ T(X) @ T(A)"),
    "115": ("grad", "X:m,n", "tr(T(X) @ X)", "X", "2*X"),
    "116": ("grad", "B:n,p X:m,n C:m,m", "tr(T(B) @ T(X) @ C @ X @ B)", "X", "T(C) @ X @ B @ T(B) + C @ X @ B @ T(B)"),
    "117": ("grad", "X:m,n B:m,m C:n,n", "tr(T(X) @ B @ X @ C)", "X", "B @ X @ C + T(B) @ X @ T(C)"),
    "118": ("grad", "A:p,m X:m,n B:n,n C:m,p", "tr(A @ X @ B @ T(X) @ C)", "X", "T(A) @ T(C) @ X @ T(B) + C @ A @ X @ B"),
    "119": ("grad", "A:p,m X:m,n B:n,q C:p,q", "tr((A @ X @ B + C) @ T(A @ X @ B + C))", "X", "2*(T(A) @ (A @ X @ B + C) @ T(B))"),
    "120": ("grad", "X:n,n", "tr(kron(X, X))", "X", "2*tr(X)*I(n)"),
    "121": ("grad", "X:n,n", "tr(mpow(X, 5))", "X", "5*T(mpow(X, 4))"),
    "122": ("grad", "A:n,n X:n,n", "tr(A @ mpow(X, 3))", "X", "T(A @ X @ X + X @ A @ X + X @ X @ A)"),
    "123": (
        "grad",
        "B:n,p X:m,n C:m,m",
        "tr(T(B) @ T(X) @ C @ X @ T(X) @ C @ X @ B)",
        "X",
        "C @ X @ T(X) @ C @ X @ B @ T(B) + T(C) @ X @ B @ T(B) @ T(X) @ T(C) @ X + C @ X @ B @ T(B) @ T(X) @ C @ X + T(C) @ X @ T(X) @ T(C) @ X @ B @ T(B)",
    ),
    "124": ("grad", "A:p,n X:n,n/inv B:n,p", "tr(A @ inv(X) @ B)", "X", "-(T(inv(X)) @ T(A) @ T(B) @ T(inv(X)))"),
    "125": (
        "grad",
        "X:m,n C:m,m/spd A:n,n",
        "tr(inv(T(X) @ C @ X) @ A)",
        "X",
        "-(C @ X @ inv(T(X) @ C @ X)) @ (A + T(A)) @ inv(T(X) @ C @ X)",
    ),
    "126": (
        "grad",
        "X:m,n C:m,m/spd B:m,m/sym",
        "tr(inv(T(X) @ C @ X) @ (T(X) @ B @ X))",
        "X",
        "-2*(C @ X @ inv(T(X) @ C @ X) @ T(X) @ B @ X @ inv(T(X) @ C @ X)) + 2*(B @ X @ inv(T(X) @ C @ X))",
    ),
    "127": (
        "grad",
        "A:n,n/spd X:m,n C:m,m/spd B:m,m/sym",
        "tr(inv(A + T(X) @ C @ X) @ (T(X) @ B @ X))",
        "X",
        "-2*(C @ X @ inv(A + T(X) @ C @ X) @ T(X) @ B @ X @ inv(A + T(X) @ C @ X)) + 2*(B @ X @ inv(A + T(X) @ C @ X))",
    ),
    "129": ("grad", "x:n,1 a:n,1", "norm2(x - a)", "x", "(1/norm2(x - a))*(x - a)"),
    "130": ("jac", "x:n,1 a:n,1", "(1/norm2(x - a))*(x - a)", "x", "(1/norm2(x - a))*I(n) - (1/norm2(x - a)**3)*((x - a) @ T(x - a))"),
    "131": ("grad", "x:n,1", "norm2(x)**2", "x", "2*x"),
    "132": ("grad", "X:m,n", "norm2(X)**2", "X", "2*X"),
    "137": ("dscalar", "A:n,n B:n,n C:n,n t:", "tr(C @ (A + t*B) @ (A + t*B))", "t", "tr(C @ (A + t*B) @ B + C @ B @ (A + t*B))"),
    "139": ("grad_sym", "A:n,n X:n,n/sym", "tr(A @ X)", "X", "A + T(A) - had(A, I(n))"),
    "140": ("grad_sym", "X:n,n/spd", "det(X)", "X", "det(X)*(2*inv(X) - had(inv(X), I(n)))"),
    "141": ("grad_sym", "X:n,n/spd", "logdet(X)", "X", "2*inv(X) - had(inv(X), I(n))"),
    "142": ("grad_diag", "A:n,n X:n,n/diag", "tr(A @ X)", "X", "had(A, I(n))"),
}

SIZES = [{"m": 5, "n": 3, "p": 2, "q": 4}, {"m": 4, "n": 4, "p": 3, "q": 2}]


def cases() -> list[Case]:
    return [_case(number, *row) for number, row in TABLE.items()]


def _case(number: str, kind: str, declared: str, f: str, wrt: str, expected: str) -> Case:
    shapes: dict[str, list[str]] = {}
    assume: dict[str, str] = {}
    for word in declared.split():
        name, _, rest = word.partition(":")
        sizes, _, drawn = rest.partition("/")
        shapes[name] = [s for s in sizes.split(",") if s]
        if drawn:
            assume[name] = drawn
    return Case(f"MC-{number}", kind, shapes, assume, f, wrt, expected, SIZES)
