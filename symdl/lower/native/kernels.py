"""C that every native program starts with: vectors of eight doubles, and functions on them.

The vectors are GCC's and Clang's (``vector_size``), which either cuts to what the machine has; where AVX-512 is there, masks are used for
ends of rows. The polynomials: exp by a minimax polynomial of degree 11 (mpmath's chebyfit, error 1e-17) on [-log(2)/2, log(2)/2]; log and
log1p as in FreeBSD's msun (e_log.c, s_log1p.c); tanh after Cephes (Moshier 1989). None is off by more than 2 ulp. The rounding to
whole numbers by adding 3*2^51 holds only as long as nothing is reassociated: never compile with -ffast-math.
"""

from __future__ import annotations

#: Numbers in a vector.
LANES = 8

PRELUDE = r"""
typedef double V __attribute__((vector_size(64), may_alias));
typedef double VU __attribute__((vector_size(64), aligned(8), may_alias));
typedef long long I __attribute__((vector_size(64), may_alias));
typedef unsigned long long U __attribute__((vector_size(64), may_alias));
#define F static inline __attribute__((always_inline))
#define INF __builtin_inf()
#define NAN __builtin_nan("")
F V dup(double a) { return (V){a, a, a, a, a, a, a, a}; }
F V bits(I a) { return (V)a; }
F V load(const double *p) { return *(const VU *)p; }
F void store(double *p, V a) { *(VU *)p = a; }
F double first(V a) { return a[0]; }

#if defined(__AVX512F__) && !defined(__clang__)
F V loadp(const double *p, int n) { return __builtin_ia32_loadupd512_mask(p, dup(0.0), (unsigned char)((1u << n) - 1)); }
F void storep(double *p, V a, int n) { __builtin_ia32_storeupd512_mask(p, a, (unsigned char)((1u << n) - 1)); }
#define COMPARE(a, b, x, y, code) __builtin_ia32_blendmpd_512_mask(y, x, __builtin_ia32_cmppd512_mask(a, b, code, (unsigned char)-1, 4))
F V sel_lt(V a, V b, V x, V y) { return COMPARE(a, b, x, y, 17); }
F V sel_le(V a, V b, V x, V y) { return COMPARE(a, b, x, y, 18); }
F V sel_eq(V a, V b, V x, V y) { return COMPARE(a, b, x, y, 0); }
#define SCALE 1
#else
F V loadp(const double *p, int n) { V a = dup(0.0); for (int k = 0; k < n; k++) a[k] = p[k]; return a; }
F void storep(double *p, V a, int n) { for (int k = 0; k < n; k++) p[k] = a[k]; }
F V sel(I m, V x, V y) { return (V)((m & (I)x) | (~m & (I)y)); }
F V sel_lt(V a, V b, V x, V y) { return sel(a < b, x, y); }
F V sel_le(V a, V b, V x, V y) { return sel(a <= b, x, y); }
F V sel_eq(V a, V b, V x, V y) { return sel(a == b, x, y); }
#endif
F V gather(const double *p, long s, int n) { V a = dup(0.0); for (int k = 0; k < n; k++) a[k] = p[k * s]; return a; }
F void spill(double *p, long s, V a, int n) { for (int k = 0; k < n; k++) p[k * s] = a[k]; }
F V keep(V a, int n, double other) { V b = dup(other); for (int k = 0; k < n; k++) b[k] = a[k]; return b; }

#if defined(__clang__) || __GNUC__ >= 12
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
F double total(V a) {
  a += PICK(a, a, 4, 5, 6, 7, 0, 1, 2, 3);
  a += PICK(a, a, 2, 3, 0, 1, 6, 7, 4, 5);
  return a[0] + a[1];
}
F V pair2(V a, V b) { return PICK(a, b, 0, 8, 2, 10, 4, 12, 6, 14) + PICK(a, b, 1, 9, 3, 11, 5, 13, 7, 15); }
F V pair4(V a, V b) { return PICK(a, b, 0, 1, 8, 9, 4, 5, 12, 13) + PICK(a, b, 2, 3, 10, 11, 6, 7, 14, 15); }
F V totals(V a, V b, V c, V d, V e, V f, V g, V h) {
  V x = pair4(pair2(a, b), pair2(c, d)), y = pair4(pair2(e, f), pair2(g, h));
  return PICK(x, y, 0, 1, 2, 3, 8, 9, 10, 11) + PICK(x, y, 4, 5, 6, 7, 12, 13, 14, 15);
}
#else
F double total(V a) { return ((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7])); }
F V totals(V a, V b, V c, V d, V e, V f, V g, V h) { return (V){total(a), total(b), total(c), total(d), total(e), total(f), total(g), total(h)}; }
#endif

F V f_neg(V a) { return -a; }
F V f_abs(V a) { return (V)((I)a & 0x7fffffffffffffffLL); }
F V f_max(V a, V b) { return sel_lt(b, a, a, sel_eq(a, a, b, a)); }
F V f_min(V a, V b) { return sel_lt(a, b, a, sel_eq(a, a, b, a)); }
F double largest(V a) { V m = dup(a[0]); for (int k = 1; k < 8; k++) m = f_max(m, dup(a[k])); return m[0]; }
F V f_sign(V a) { return sel_lt(dup(0.0), a, dup(1.0), sel_lt(a, dup(0.0), dup(-1.0), a)); }
F V f_step(V a, V at0) { return sel_lt(dup(0.0), a, dup(1.0), sel_lt(a, dup(0.0), dup(0.0), sel_eq(a, a, at0, a))); }
#if defined(__AVX512F__) && !defined(__clang__)
F V f_sqrt(V a) { return __builtin_ia32_sqrtpd512_mask(a, a, (unsigned char)-1, 4); }
#else
F V f_sqrt(V a) { for (int k = 0; k < 8; k++) a[k] = __builtin_sqrt(a[k]); return a; }
#endif

#define ROUNDER 6755399441055744.0
F V exp_reduced(V x, V *whole, V *left) { /* exp(x) = 2^n (1 + r + m); k = n + the rounder goes to *whole, r to *left */
  V k = x * 1.4426950408889634 + ROUNDER, n = k - ROUNDER;
  V r = x - n * 0x1.62e42fefa3800p-1 - n * 0x1.ef35793c76730p-45, s = r * r, t = s * s;
  V a = 0.16666666666666669 * r + 0.5000000000000001, b = 0.008333333333330051 * r + 0.04166666666662399;
  V c = 0.00019841269863105968 * r + 0.0013888888917281794, d = 2.7557268378684192e-06 * r + 2.480152119021773e-05;
  V e = 2.5100424157005067e-08 * r + 2.7620138719733994e-07;
  *whole = k;
  *left = r;
  return s * ((a + b * s) + t * ((c + d * s) + t * e));
}
F V exp_inside(V x) { /* -746 <= x <= 710, or NaN */
  V k, r, m = exp_reduced(x, &k, &r), one = 1.0 + r, p = one + (m + (r - (one - 1.0)));
#ifdef SCALE
  return __builtin_ia32_scalefpd512_mask(p, k - ROUNDER, p, (unsigned char)-1, 4);
#else
  U j = (U)((I)k - 0x4338000000000000LL + 2200), h = j >> 1;
  V low = (V)((h - 77) << 52), high = (V)((j - h - 77) << 52);
  return p * low * high;
#endif
}
F V f_exp(V x) { return exp_inside(sel_lt(dup(710.0), x, dup(710.0), sel_lt(x, dup(-746.0), dup(-746.0), x))); }
F V exp_below(V x) { return exp_inside(sel_lt(x, dup(-746.0), dup(-746.0), x)); } /* x <= 0 */
typedef struct { V one, other; } Pair;
F Pair logistic(V z) { /* sigmoid(z) and sigmoid(-z) */
  V e = exp_below((V)((I)z | (long long)0x8000000000000000ULL)), r = 1.0 / (1.0 + e), q = e * r;
  return (Pair){sel_lt(z, dup(0.0), q, r), sel_lt(z, dup(0.0), r, q)};
}
F V f_sigmoid(V z) { return logistic(z).one; }
F V log_of(V u, V x, int plus) { /* log(u), or log1p(x) where u = 1 + x */
  V small = sel_lt(u, dup(2.2250738585072014e-308), dup(-54.0), dup(0.0)), v = sel_lt(small, dup(0.0), u * 18014398509481984.0, u);
  U b = (U)v + 0x00095f6200000000ULL;
  V n = ((V)((b >> 52) | 0x4330000000000000ULL) - 4503599627370496.0) - 1023.0 + small;
  V f = (V)((b & 0x000fffffffffffffULL) + 0x3fe6a09e00000000ULL) - 1.0;
  V h = 0.5 * f * f, s = f / (2.0 + f), z = s * s, w = z * z, c = dup(0.0);
  V t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  V t2 = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  if (plus) c = sel_lt(n, dup(54.0), sel_lt(n, dup(2.0), x - (u - 1.0), 1.0 - (u - x)) / u, dup(0.0));
  V y = s * (h + (t1 + t2)) + (n * 1.90821492927058770002e-10 + c) - h + f + n * 6.93147180369123816490e-01;
  y = sel_lt(u, dup(0.0), dup(NAN), sel_eq(u, dup(0.0), dup(-INF), sel_eq(u, dup(INF), dup(INF), y)));
  return sel_eq(u, u, y, u);
}
F V f_log(V x) { return log_of(x, x, 0); }
F V f_log1p(V x) { return log_of(1.0 + x, x, 1); }
F V f_expm1(V x) {
  V near = sel_lt(f_abs(x), dup(1.0), x, dup(0.0)), k, r, m = exp_reduced(near, &k, &r);
  V scale = (V)((U)((I)k - 0x4338000000000000LL + 1023) << 52);
  return sel_lt(f_abs(x), dup(1.0), scale * (r + m) + (scale - 1.0), f_exp(x) - 1.0);
}
F V f_tanh(V x) {
  V a = f_abs(x), z = x * x, e = f_exp(a + a), far = 1.0 - 2.0 / (e + 1.0);
  V p = ((-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3) * z;
  V q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3;
  return sel_lt(a, dup(0.625), x * (p / q) + x, sel_lt(x, dup(0.0), -far, far));
}
#if defined(__clang__) || __GNUC__ >= 12
F void turn(const double *const *rows, long at, double *to, long s, int n) { /* n columns of eight rows, as rows */
  V a[8], b[8];
  for (int k = 0; k < 8; k++) a[k] = n == 8 ? load(rows[k] + at) : loadp(rows[k] + at, n);
  for (int k = 0; k < 8; k += 2) b[k] = PICK(a[k], a[k + 1], 0, 8, 2, 10, 4, 12, 6, 14), b[k + 1] = PICK(a[k], a[k + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  for (int k = 0; k < 8; k += 4)
    for (int m = k; m < k + 2; m++) a[m] = PICK(b[m], b[m + 2], 0, 1, 8, 9, 4, 5, 12, 13), a[m + 2] = PICK(b[m], b[m + 2], 2, 3, 10, 11, 6, 7, 14, 15);
  for (int k = 0; k < 4; k++) {
    b[k] = PICK(a[k], a[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    b[k + 4] = PICK(a[k], a[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  for (int k = 0; k < 8; k++) if (k < n) store(to + k * s, b[k]);
}
#else
F void turn(const double *const *rows, long at, double *to, long s, int n) {
  for (int k = 0; k < n; k++) for (int r = 0; r < 8; r++) to[k * s + r] = rows[r][at + k];
}
#endif
static void rows_of(const double *from, const long long *order, long rows, long size, double *to) {
  for (long r = 0; r < rows; r++, to += size) {
    const double *row = from + order[r] * size;
    long k = 0;
    for (; k + 8 <= size; k += 8) store(to + k, load(row + k));
    for (; k < size; k++) to[k] = row[k];
  }
}
F void turn_rows(const double *const *row, long size, double *to, long s) {
  long k = 0;
  for (; k + 8 <= size; k += 8) turn(row, k, to + k * s, s, 8);
  if (k < size) turn(row, k, to + k * s, s, (int)(size - k));
}
static void ahead(const double *from, const long long *order, long rows, long size) { /* of the next step, while this one computes */
  for (long r = 0; r < rows; r++) for (long k = 0; k < size; k += 8) __builtin_prefetch(from + order[r] * size + k);
}
static void columns_of(const double *from, const long long *order, long rows, long size, double *to, long s) {
  long r = 0;
  for (; r + 8 <= rows; r += 8) {
    const double *row[8];
    for (int m = 0; m < 8; m++) row[m] = from + order[r + m] * size;
    turn_rows(row, size, to + r, s);
  }
  for (; r < rows; r++) for (long k = 0; k < size; k++) to[k * s + r] = from[order[r] * size + k];
}
static void transposed(const double *from, long step, long rows, long size, double *to, long s) { /* 64 columns at a time: fewer pages */
  for (long k = 0; k < size; k += 64) {
    const long some = size - k < 64 ? size - k : 64;
    long r = 0;
    for (; r + 8 <= rows; r += 8) {
      const double *row[8];
      for (int m = 0; m < 8; m++) row[m] = from + (r + m) * step + k;
      turn_rows(row, some, to + k * s + r, s);
    }
    for (; r < rows; r++) for (long m = 0; m < some; m++) to[(k + m) * s + r] = from[r * step + k + m];
  }
}
static void pack_turned(const double *from, long step, long columns, long size, double *to, long s) { /* columns, which lie as rows, next to each other */
  for (long j = 0; j < columns; j += 8) {
    const double *row[8];
    for (long m = 0; m < 8; m++) row[m] = from + (j + m < columns ? j + m : j) * step;
    turn_rows(row, size, to + j, s);
  }
}
#define LIBM(name, call) F V name(V a) { for (int k = 0; k < 8; k++) a[k] = call(a[k]); return a; }
LIBM(f_sin, __builtin_sin) LIBM(f_cos, __builtin_cos) LIBM(f_tan, __builtin_tan) LIBM(f_arctan, __builtin_atan)
LIBM(f_sinh, __builtin_sinh) LIBM(f_cosh, __builtin_cosh) LIBM(f_erf, __builtin_erf) LIBM(f_erfc, __builtin_erfc)
F V f_pow(V a, V b) { for (int k = 0; k < 8; k++) a[k] = __builtin_pow(a[k], b[k]); return a; }
"""
