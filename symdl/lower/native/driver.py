"""The loop over steps in C: what is done before, in, and after a step, by one thread or by several that take parts of the large steps."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from symdl.errors import DomainError

#: Threads, whatever is asked for.
_MOST = 16

_HEAD = "long long train(double *restrict w, double *const *restrict e, double *restrict c, const long long *order, long long steps, double *restrict losses)"

#: One thread takes the steps. A step that is shared is announced to the others in one word: its number, which function, and which parts are taken.
#: Everybody tries its own part first (what it computed before is in its cache), then takes what nobody has begun: a thread that the system does not
#: let run holds nobody up.
_TEAM = r"""
#include <pthread.h>
#include <sched.h>
typedef struct { double *w; double *const *e; double *c; unsigned long long word; long left; } Team;
typedef struct { Team *team; long me; } Member;
#define END 0xffffULL
static void part(Team *team, long function, const long me) {
  double *const w = team->w, *const c = team->c; double *const *const e = team->e;
  switch (function) {
CASES
  }
}
static int claim(Team *team, long me) { /* 1: a part was done; 0: nothing to do; -1: all is over */
  unsigned long long word = __atomic_load_n(&team->word, __ATOMIC_ACQUIRE);
  for (;;) {
    const unsigned long long taken = word & 0xffff, function = word >> 16 & 0xffff;
    if (function == END) return -1;
    const unsigned long long open = ~taken & ((1ULL << THREADS) - 1);
    if (!open) return 0;
    const long k = open >> me & 1 ? me : __builtin_ctzll(open);
    if (__atomic_compare_exchange_n(&team->word, &word, word | 1ULL << k, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
      part(team, (long)function, k);
      __atomic_sub_fetch(&team->left, 1, __ATOMIC_ACQ_REL);
      return 1;
    }
  }
}
static void rest(long spins) {
  if (spins > 500) sched_yield();
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}
static void announce(Team *team, unsigned long long function) {
  const unsigned long long number = (__atomic_load_n(&team->word, __ATOMIC_RELAXED) >> 32) + 1;
  __atomic_store_n(&team->left, THREADS, __ATOMIC_RELAXED);
  __atomic_store_n(&team->word, (number & 0xffffffffULL) << 32 | function << 16, __ATOMIC_RELEASE);
}
static void share(Team *team, unsigned long long function) {
  announce(team, function);
  while (claim(team, 0) == 1) {}
  for (long spins = 0; __atomic_load_n(&team->left, __ATOMIC_ACQUIRE); spins++) rest(spins);
}
static void *member(void *given) {
  Member *m = given;
  long spins = 0;
  for (int found; (found = claim(m->team, m->me)) >= 0;) {
    spins = found ? 0 : spins + 1;
    if (!found) rest(spins);
  }
  return 0;
}
"""

_BEGIN = r"""
  Team team = {w, e, c, 0xffff, 0};
  Member members[THREADS];
  pthread_t threads[THREADS];
  long made = 1;
  for (; made < THREADS; made++) { /* one that cannot be made is not needed */
    members[made] = (Member){&team, made};
    if (pthread_create(&threads[made], 0, member, &members[made])) break;
  }
"""

_FINISH = r"""
  announce(&team, END);
  for (long k = 1; k < made; k++) pthread_join(threads[k], 0);
"""


def threads_allowed() -> int:
    """SYMDL_THREADS or OMP_NUM_THREADS, else the cores that this process may use (two threads on one core are no faster than one); at most 16.

    Raises
    ------
    DomainError
        When SYMDL_THREADS is no positive integer: OpenMP and PyTorch have no 0 threads either.
    """
    asked = _asked() or _of_openmp()
    if sys.platform == "win32":
        return 1
    if asked:
        return asked
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = {_read(f"/sys/devices/system/cpu/cpu{k}/topology/thread_siblings_list") or str(k) for k in usable}
    return max(1, min(len(cores), _quota(_read("/sys/fs/cgroup/cpu.max")), _MOST))


def _asked() -> int:
    """What SYMDL_THREADS says; 0 when it is not set, or empty."""
    text = os.environ.get("SYMDL_THREADS", "").strip()
    if text and not _positive(text):
        raise DomainError(f"SYMDL_THREADS={text} is no number of threads: set it to 1, 2, 3, ..., or unset it for as many as there are cores")
    return _positive(text)


def _of_openmp() -> int:
    """The first number of OMP_NUM_THREADS, a list with one for every level of nesting (OpenMP 5.2, section 21.1.2); 0 for what is no such list. The
    variable is not ours alone: what is wrong in it is ignored, as OpenMP itself does."""
    numbers = [_positive(word.strip()) for word in os.environ.get("OMP_NUM_THREADS", "").split(",")]
    return numbers[0] if all(numbers) else 0


def _positive(text: str) -> int:
    """The number, at most 16; 0 for what is no positive integer in the digits 0 to 9."""
    digits = text.removeprefix("+").lstrip("0")
    if not (digits.isascii() and digits.isdigit()):
        return 0
    return min(int(digits[:4]), _MOST)  # Python refuses to read numbers of thousands of digits


def _quota(text: str) -> int:
    """Processors that a container is given: "200000 100000" is two. A thread that waits for one that may not run waits long."""
    words = text.split()
    if len(words) == 2 and all(w.isdigit() for w in words) and int(words[1]):
        return max(1, int(words[0]) // int(words[1]))
    return _MOST


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def shares(threads: int) -> str:
    """Which part of a step's work thread ``me`` does."""
    sides = "#define FROM(n) ((long)(n) * me / THREADS)\n#define TO(n) ((long)(n) * (me + 1) / THREADS)\n#define LAST (me == THREADS - 1)"
    return f"#define THREADS {threads}\n{sides}"


@dataclass(frozen=True)
class Body:
    """Lines of C of a training loop.

    Attributes
    ----------
    before : list of str
        Once, before the first step.
    rows : int
        Samples by which ``order`` goes on with every step.
    begin : list of str
        At the beginning of a step.
    forth, late : list of (str, bool)
        Functions to be called until the loss is there, and after it; and whether threads share them.
    loss : str
        The loss, as an expression.
    good : str
        Whether to go on, after the loss is there.
    update : list of str
        At the end of a step.
    after : list of str
        Once, after the last step.
    """

    before: list[str]
    rows: int
    begin: list[str]
    forth: list[tuple[str, bool]]
    loss: str
    good: str
    late: list[tuple[str, bool]]
    update: list[str]
    after: list[str]

    def source(self, threads: int) -> str:
        """The function ``train``: the number of steps that were taken."""
        numbers = {name: k for k, (name, shared) in enumerate([*self.forth, *self.late]) if shared and threads > 1}

        def calls(of: list[tuple[str, bool]]) -> list[str]:
            return [f"share(&team, {numbers[name]});" if name in numbers else f"{name}(w, e, c, 0);" for name, _ in of]

        cases = "\n".join(f"    case {k}: {name}(w, e, c, me); break;" for name, k in numbers.items())
        team = [_TEAM.replace("CASES", cases)] if threads > 1 else []
        begin, finish = ([_BEGIN], [_FINISH]) if threads > 1 else ([], [])
        lines = [*team, f"{_HEAD} {{", *self.before, *begin, "long long t = 0;", f"for (; t < steps; t++, order += {self.rows}) {{", *self.begin]
        lines += [*calls(self.forth), f"losses[t] = {self.loss};", f"if (!({self.good})) break;", *calls(self.late)]
        return "\n".join([*lines, *self.update, "}", *finish, *self.after, "return t;", "}"])
