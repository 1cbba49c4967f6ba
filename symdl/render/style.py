"""The style sheet of HTML pages: system fonts, readable on a phone and on paper, light and dark."""

CSS = """
:root { --ink: #1c2024; --soft: #5b6570; --line: #dfe3e8; --paper: #ffffff; --tint: #f5f7f9; --link: #0b5fb0;
  --good: #14723a; --good-bg: #e3f4e9; --bad: #b3211d; --bad-bg: #fce8e6; --open: #8a5300; --open-bg: #fdf1dc; color-scheme: light dark; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ea; --soft: #9aa5b1; --line: #353c44; --paper: #16191d; --tint: #1e2328; --link: #79b8ff;
  --good: #7ddc9f; --good-bg: #17321f; --bad: #ff9d97; --bad-bg: #3d1a19; --open: #f0c27a; --open-bg: #3a2b12; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 17px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
  "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .5rem 0 1rem; }
h2 { font-size: 1.45rem; line-height: 1.25; margin: 3rem 0 .75rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.1rem; margin: 1.75rem 0 .5rem; }
h4 { font-size: 1rem; color: var(--soft); font-weight: 600; margin: 1.4rem 0 .4rem; }
p { margin: .6rem 0; max-width: 46rem; }
.nb { white-space: nowrap; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
math { font-size: 1.06em; font-family: "STIX Two Math", "Cambria Math", "Latin Modern Math", "Noto Sans Math", math; }
[mathvariant="bold"] { font-weight: bold; } [mathvariant="bold-italic"] { font-weight: bold; font-style: italic; }
 code { font-size: .9em; background: var(--tint); padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere; }
.eq { display: grid; grid-template-columns: max-content minmax(0, 1fr) fit-content(15rem); column-gap: .5rem; row-gap: .35rem; align-items: baseline;
  margin: .5rem 0; padding: .6rem .9rem; background: var(--tint); border-radius: 6px; }
.eq + .eq { margin-top: .5rem; }
.eq > * { overflow-x: auto; overflow-y: hidden; padding: .15rem 0; } .eq .l { text-align: right; } .eq .r { scrollbar-width: thin; }
.eq .why { color: var(--soft); font-size: .82rem; line-height: 1.3; text-align: right; }
.formula { margin: .8rem 0; overflow-x: auto; padding: .2rem .9rem; }
.fact { margin: .35rem 0; } .fact b { font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; margin: .5rem 0; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--soft); font-weight: 600; } th, td { padding: .3rem .6rem .3rem 0; border-bottom: 1px solid var(--line);
  vertical-align: top; overflow-wrap: anywhere; } .num { text-align: right;
  white-space: nowrap; }
.scroll { overflow-x: auto; }
.badge { display: inline-block; font-size: .78rem; font-weight: 650; padding: .05rem .5rem; border-radius: 1rem; white-space: nowrap; }
.good { color: var(--good); background: var(--good-bg); } .bad { color: var(--bad); background: var(--bad-bg); }
.open { color: var(--open); background: var(--open-bg); }
details { margin: .75rem 0; } summary { cursor: pointer; color: var(--soft); }
figure { margin: 1.2rem 0; overflow-x: auto; }
figure .drawing { background: #fff; border-radius: 6px; padding: .5rem; width: max-content; max-width: 100%; }
figure svg { max-width: 100%; height: auto; display: block; } figcaption { color: var(--soft); font-size: .88rem; margin-top: .35rem; }
nav ol { padding-left: 1.4rem; margin: .5rem 0; } nav li { padding: .12rem 0; } nav .badge { margin-left: .5rem; }
.summary { color: var(--soft); } .summary b { color: var(--ink); font-weight: 600; }
@media (max-width: 44rem) { body { font-size: 16px; } main { padding: 1rem .9rem 3rem; }
  .eq { grid-template-columns: minmax(0, 1fr); row-gap: .1rem; padding: .5rem .6rem; } .eq .l { text-align: left; } .eq .l:empty { display: none; }
  .eq .r { padding-left: 1rem; } .eq .why { text-align: left; padding-left: 1rem; margin-bottom: .3rem; } .eq .why:empty { display: none; } }
@media print { body { font-size: 10.5pt; } main { max-width: none; padding: 0; } .eq { background: none; border: 1px solid #ddd; break-inside: avoid; }
  .eq > * { overflow: visible; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } nav { break-after: page; } }
"""
