"""C for inverse, determinant and log-determinant: elimination with partial pivoting for small matrices, the LAPACK that NumPy ships for large ones.

Rows are added to rows in vectors (Golub and Van Loan, Matrix Computations, algorithm 3.4.1). A singular matrix is not an infinity: it sets the program's
fault, which functions raise, and which ends a training loop before the parameters are moved.
"""

from __future__ import annotations

#: From so many rows LAPACK does it, where there is one.
LAPACK_FROM = 100

#: What the fault of a program means.
SINGULAR, NOT_POSITIVE = 1, 2
FAULTS = {SINGULAR: "a matrix is singular: it has no inverse", NOT_POSITIVE: "logdet: the determinant is not positive"}

#: Name -> C, in the order in which they need each other.
HELPERS = {
    "lu_less": r"""
static void lu_less(double *restrict y, const double *restrict x, double f, long n) { EFFECT /* y -= f x */
  long k = 0;
  for (; k + 8 <= n; k += 8) store(y + k, load(y + k) - f * load(x + k));
  if (k < n) storep(y + k, loadp(y + k, (int)(n - k)) - f * loadp(x + k, (int)(n - k)), (int)(n - k));
}
static long lu(double *a, long long *swaps, long n) { EFFECT /* in place, rows exchanged: the sign of the exchanges, 0 for a singular matrix */
  long sign = 1;
  for (long k = 0; k < n; k++) {
    long p = k;
    for (long i = k + 1; i < n; i++) if (__builtin_fabs(a[i*n + k]) > __builtin_fabs(a[p*n + k])) p = i;
    swaps[k] = p;
    if (p != k) {
      sign = -sign;
      for (long j = 0; j < n; j++) { const double x = a[k*n + j]; a[k*n + j] = a[p*n + j]; a[p*n + j] = x; }
    }
    const double pivot = a[k*n + k];
    if (pivot == 0.0) return 0;
    for (long i = k + 1; i < n; i++) {
      const double f = a[i*n + k] / pivot;
      a[i*n + k] = f;
      lu_less(a + i*n + k + 1, a + k*n + k + 1, f, n - k - 1);
    }
  }
  return sign;
}
static void lu_inverse(const double *a, const long long *swaps, long n, double *to) { EFFECT
  for (long k = 0; k < n*n; k++) to[k] = 0.0;
  for (long k = 0; k < n; k++) to[k*n + k] = 1.0;
  for (long k = 0; k < n; k++) if (swaps[k] != k)
    for (long j = 0; j < n; j++) { const double x = to[k*n + j]; to[k*n + j] = to[swaps[k]*n + j]; to[swaps[k]*n + j] = x; }
  for (long i = 1; i < n; i++) for (long k = 0; k < i; k++) lu_less(to + i*n, to + k*n, a[i*n + k], n);
  for (long i = n - 1; i >= 0; i--) {
    for (long k = i + 1; k < n; k++) lu_less(to + i*n, to + k*n, a[i*n + k], n);
    const double pivot = a[i*n + i];
    for (long j = 0; j < n; j++) to[i*n + j] /= pivot;
  }
}
static double lu_det(const double *a, long n, long sign) { /* by mantissa and exponent: products of many pivots leave the range of numbers */
  double m = (double)sign;
  long long power = 0;
  for (long k = 0; k < n && m != 0.0 && m - m == 0.0; k++) {
    int e;
    m *= a[k*n + k];
    if (m == 0.0 || m - m != 0.0) break;
    m = __builtin_frexp(m, &e);
    power += e;
  }
  return __builtin_ldexp(m, power > 5000 ? 5000 : power < -5000 ? -5000 : (int)power);
}
static double lu_logdet(const double *a, long n, long sign, double *fault) { EFFECT
  double s = 0.0;
  for (long k = 0; k < n; k++) {
    const double d = a[k*n + k];
    if (d < 0.0) sign = -sign;
    s += __builtin_log(__builtin_fabs(d));
  }
  if (sign <= 0) *fault = 2.0;
  return s;
}
"""
}

_LAPACK = r"""
static long lu_lapack_INTEGER(double *a, INTEGER *swaps, long n, void *routine) {
  INTEGER size = (INTEGER)n, info = 0;
  ((void (*)(const INTEGER *, const INTEGER *, double *, const INTEGER *, INTEGER *, INTEGER *))routine)(&size, &size, a, &size, swaps, &info);
  long sign = 1;
  for (long k = 0; k < n; k++) if (swaps[k] != k + 1) sign = -sign;
  return info > 0 ? 0 : sign;
}
static void lu_lapack_inverse_INTEGER(double *a, INTEGER *swaps, long n, double *work, void *routine) {
  INTEGER size = (INTEGER)n, info = 0, room = (INTEGER)(32*n);
  typedef void (*R)(const INTEGER *, double *, const INTEGER *, const INTEGER *, double *, const INTEGER *, INTEGER *);
  ((R)routine)(&size, a, &size, swaps, work, &room, &info);
}
"""


def lapack_helper(integer: str) -> str:
    """The calls of LAPACK, with its type of integers. Row by row is column by column of the transpose, whose inverse is the inverse's transpose."""
    name = integer.replace(" ", "_")
    return _LAPACK.replace("lu_lapack_INTEGER", f"lu_lapack_{name}").replace("inverse_INTEGER", f"inverse_{name}").replace("INTEGER", integer)


def factored(op: str, work: str, swaps: str, size: int, to: str, fault: str) -> list[str]:
    """Lines of C for a matrix that stands row by row in ``work``, where it is overwritten; the result goes to the place ``to``."""
    lines = [f"{{ double *a = {work}; long long *swaps = (long long *){swaps}; const long sign = lu(a, swaps, {size});"]
    return [*lines, *_finished(op, size, to, fault, f"lu_inverse(a, swaps, {size}, {to});"), "}"]


def by_lapack(op: str, work: str, swaps: str, room: str, size: int, to: str, fault: str, integer: str, routines: tuple[str, str]) -> list[str]:
    """The same by LAPACK; ``room`` is for 32 rows more, and ``routines`` are pointers to dgetrf and dgetri."""
    name = integer.replace(" ", "_")
    lines = [f"{{ double *a = {work}; {integer} *swaps = ({integer} *){swaps};", f"const long sign = lu_lapack_{name}(a, swaps, {size}, {routines[0]});"]
    turn = f"lu_lapack_inverse_{name}(a, swaps, {size}, {room}, {routines[1]}); __builtin_memcpy({to}, a, {size * size}*sizeof(double));"
    return [*lines, *_finished(op, size, to, fault, turn), "}"]


def _finished(op: str, size: int, to: str, fault: str, turn: str) -> list[str]:
    if op == "inv":
        nothing = f"{fault} = {SINGULAR}.0; for (long k = 0; k < {size * size}; k++) ({to})[k] = NAN;"
        return [f"if (!sign) {{ {nothing} }} else {{ {turn} }}"]
    if op == "det":
        return [f"*({to}) = sign ? lu_det(a, {size}, sign) : 0.0;"]
    return [f"if (!sign) {{ {fault} = {NOT_POSITIVE}.0; *({to}) = NAN; }} else *({to}) = lu_logdet(a, {size}, sign, &{fault});"]
