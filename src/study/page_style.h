#pragma once

namespace tessera {

/// The style of the study's page and of the charts in it.
inline constexpr const char* kPageStyle = R"css(
:root {
  color-scheme: light dark;
  --ground: #fbfaf7; --ink: #22201d; --quiet: #6d6962; --line: #e4e0d8; --faint: #f2efe8;
  --c0: #17695f; --c1: #b3622a; --c2: #4a5fa5; --c3: #96447a; --c4: #7c7a2a; --c5: #6b6761;
  --rule: #b5afa4; --paper: #b3362a; --warn: #8d3d1d; --warn-ground: #fbeee6; --light: 45%; --colour: 50%;
  --r0: #c6d6d2; --r1: #a3c2bc; --r2: #80aea6; --r3: #5e998f; --r4: #3d8378; --r5: #1f6b60; --r6: #0c4841;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #15161a; --ink: #e5e2dc; --quiet: #9c978e; --line: #2d3036; --faint: #1d1f24;
    --c0: #6cc4b7; --c1: #e2a06c; --c2: #9db0ee; --c3: #dd97c4; --c4: #c9c56b; --c5: #a5a097;
    --rule: #5b5c61; --paper: #f08a76; --warn: #f0b093; --warn-ground: #36221a; --light: 64%; --colour: 52%;
    --r0: #2f4a47; --r1: #3a5f5a; --r2: #46766f; --r3: #538e85; --r4: #62a79c; --r5: #76c0b4; --r6: #a6e3d9;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 40px 24px 80px; max-width: 1060px; background: var(--ground); color: var(--ink);
  font: 15px/1.55 "Source Sans 3", system-ui, "Segoe UI", "Helvetica Neue", "Noto Sans", "Liberation Sans", sans-serif;
  font-variant-numeric: tabular-nums lining-nums; -webkit-text-size-adjust: 100%;
}
h1, h2, h3 { font-family: Charter, "Source Serif 4", "Iowan Old Style", Georgia, "Liberation Serif", serif; font-weight: 600; line-height: 1.2; }
h1 { font-size: 34px; margin: 0 0 6px; letter-spacing: -.01em; }
h2 { font-size: 23px; margin: 64px 0 6px; padding-top: 14px; border-top: 1px solid var(--line); }
h3 { font-size: 18px; margin: 32px 0 4px; }
h4 { font-size: 13.5px; margin: 26px 0 4px; font-weight: 650; }
p { margin: 0 0 14px; max-width: 68ch; }
.quiet, .sub { color: var(--quiet); }
.sub { font-size: 17px; }
a { color: inherit; text-decoration-color: var(--rule); text-underline-offset: 3px; }
nav { display: flex; flex-wrap: wrap; gap: 2px 18px; margin: 22px 0 0; font-size: 14px; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: 3px 18px; margin: 22px 0; font-size: 14px; }
dl.facts dt { color: var(--quiet); }
dl.facts dd { margin: 0; }
.note { padding: 10px 14px; border-radius: 6px; background: var(--faint); max-width: none; }
.note.warn { background: var(--warn-ground); color: var(--warn); }
progress { display: block; width: 100%; height: 6px; margin-top: 8px; accent-color: var(--c0); }

.table { overflow-x: auto; margin: 6px 0 20px; }
table { border-collapse: collapse; font-size: 13.5px; line-height: 1.35; min-width: 60%; }
th, td { padding: 3.5px 0 3.5px 22px; text-align: right; white-space: nowrap; font-weight: 400; }
th[scope=row], thead td { text-align: left; padding-left: 0; }
thead th, thead td { color: var(--quiet); font-size: 12.5px; vertical-align: bottom; }
thead tr { border-bottom: 1px solid var(--line); }
tbody + tbody { border-top: 1px solid var(--line); }
tbody:last-child { border-bottom: 1px solid var(--line); }
tr.ours th, tr.ours td { font-weight: 550; }
tr.group th, tr.group td { padding-top: 9px; }
tr.paper, tr.difference, tr.other { color: var(--quiet); }
tr.paper th, tr.difference th { padding-left: 14px; }
tr.paper td { color: var(--paper); }
tr.difference { font-size: 12.5px; }
.deviation { color: var(--quiet); font-weight: 400; font-size: 12px; }

.panels { display: grid; gap: 20px 28px; grid-template-columns: repeat(auto-fit, minmax(min(270px, 100%), 1fr)); margin: 14px 0 18px; align-items: start; }
.panels.four { grid-template-columns: repeat(auto-fit, minmax(min(226px, 100%), 1fr)); gap: 20px; }
.panels.wide { grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr)); }
svg { display: block; width: 100%; height: auto; font-size: 11px; fill: var(--quiet); overflow: visible; }
svg .title { fill: var(--ink); font-size: 12.5px; font-weight: 600; }
svg .end { text-anchor: end; }
svg .middle { text-anchor: middle; }
svg .label { fill: var(--ink); font-size: 11.5px; }
svg .value { fill: var(--ink); font-size: 12px; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .spread { stroke: var(--ink); stroke-width: 1.2; }
svg .ground { fill: var(--faint); stroke: none; }
svg .curve { fill: none; stroke: var(--c); stroke-width: 1.8; stroke-linejoin: round; }
svg .dot { fill: var(--c); stroke: var(--ground); stroke-width: 1; }
svg .paper { fill: var(--ground); stroke: var(--paper); stroke-width: 1.6; }
svg .bar { fill: var(--c); }
svg .cloud { fill: none; stroke-linecap: round; stroke: hsl(var(--h) var(--colour) var(--light)); stroke-opacity: .75; }
svg .cloud.quiet { stroke: var(--rule); }
.ours, .c0 { --c: var(--c0); } .other, .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
.c4 { --c: var(--c4); } .c5 { --c: var(--c5); } .rule, .faint { --c: var(--rule); }
.r0 { --c: var(--r0); } .r1 { --c: var(--r1); } .r2 { --c: var(--r2); } .r3 { --c: var(--r3); }
.r4 { --c: var(--r4); } .r5 { --c: var(--r5); } .r6 { --c: var(--r6); }
.key { display: flex; flex-wrap: wrap; gap: 0 14px; font-size: 12.5px; color: var(--quiet); margin: 4px 0 0; max-width: none; }
.key span { white-space: nowrap; }
.key i { display: inline-block; width: 14px; height: 3px; border-radius: 2px; margin-right: 5px; vertical-align: middle; background: var(--c); }
.key i.diamond { width: 8px; height: 8px; border-radius: 0; transform: rotate(45deg) scale(.85); background: none; border: 1.6px solid var(--paper); margin-left: 3px; }
.map { display: grid; grid-template-columns: minmax(0, 1.35fr) minmax(0, 1fr); gap: 32px; margin: 16px 0 24px; align-items: start; }
.samples { font-size: 13px; line-height: 1.4; }
.samples h4 { margin-top: 0; }
.samples dl { margin: 0; }
.samples dt { margin-top: 9px; font-weight: 600; }
.samples dt .quiet { font-weight: 400; margin-left: 6px; }
.samples dd { margin: 0 0 0 19px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: var(--quiet); }
.swatch { display: inline-block; width: 11px; height: 11px; border-radius: 50%; margin-right: 8px; vertical-align: -1px; background: hsl(var(--h) var(--colour) var(--light)); }
@media (max-width: 760px) {
  body { padding: 24px 16px 60px; }
  h1 { font-size: 27px; }
  .map { grid-template-columns: minmax(0, 1fr); }
  th, td { padding-left: 14px; }
}
@media print { nav { display: none; } h2 { break-after: avoid; } .panels, table { break-inside: avoid; } }
)css";

}  // namespace tessera
