"""How a report looks, on a screen in light and in dark and on paper; and what moves the line while it plays."""

STYLE = """
:root{color-scheme:light dark;--page:#f5f6f8;--card:#fff;--ink:#1b2129;--quiet:#5d6876;--line:#dfe4ea;
--grid:#e9edf1;
--link:#1f5fa8;--good:#1d7a4c;--bad:#b9352b;--warn:#8f5f00;--good-soft:#e2f3ea;--bad-soft:#fbe7e5;
--warn-soft:#fbf0d8;
--ins-soft:#e3ecfa;--ins:#1f5fa8;
--t0:#2368b5;--t1:#c8501e;--t2:#188a6b;--t3:#9a4aa8;--t4:#b3830a;--t5:#5a6675}
@media screen and (prefers-color-scheme:dark){:root{--page:#12151a;--card:#1a1f26;--ink:#e5e9ee;--quiet:#98a4b3;
--line:#2d343d;
--grid:#272e37;--link:#86b8f2;--good:#63cd97;--bad:#f48a80;--warn:#e6b860;--good-soft:#173528;--bad-soft:#431f1c;
--warn-soft:#3a2e14;--ins-soft:#1b2e49;--ins:#8fbcf3;
--t0:#6fb0f5;--t1:#f58d5e;--t2:#4fcaa5;--t3:#d18ade;--t4:#e3ba4f;--t5:#a5b1bf}}
*{box-sizing:border-box}html{scroll-behavior:smooth;scroll-padding-top:56px}
@media(prefers-reduced-motion:reduce){html{scroll-behavior:auto}}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main{max-width:1180px;margin:0 auto;padding:0 24px}header{padding-top:36px}
h1{font-size:32px;line-height:1.2;margin:2px 0 6px;letter-spacing:-.015em;text-wrap:balance}
h2{font-size:21px;margin:0 0 12px;letter-spacing:-.005em}h3{font-size:16px;margin:28px 0 8px}
p{margin:0 0 10px;max-width:80ch}a{color:var(--link)}:focus-visible{outline:3px solid var(--link);
outline-offset:2px}
.command{font:13px ui-monospace,Menlo,Consolas,monospace;color:var(--quiet);margin:0}.quiet{color:var(--quiet)}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
.skip{position:absolute;left:-999px}.skip:focus{left:12px;top:12px;background:var(--card);padding:8px 12px;
z-index:9}
nav{position:sticky;top:0;z-index:5;background:var(--page);border-bottom:1px solid var(--line);margin-top:22px}
nav ul{max-width:1180px;margin:0 auto;padding:9px 24px;display:flex;gap:4px 22px;flex-wrap:wrap;list-style:none}
nav a{text-decoration:none;color:var(--quiet);font-size:14px}nav a:hover{color:var(--ink)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:20px 0 0;padding:0}
.tile{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 18px}
.tile dt{color:var(--quiet);font-size:13px}.tile dd{margin:0}.tile .big{font-size:27px;line-height:1.25;
font-weight:620;
letter-spacing:-.02em;font-variant-numeric:tabular-nums}.tile .small-print{font-size:13px;color:var(--quiet)}
.tile .small-print p{margin:0 0 6px}
section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:22px 26px;margin-top:18px}
.grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:18px 30px;
align-items:start}
figure{margin:14px 0 0;min-width:0}figcaption{font-size:14px;color:var(--quiet);margin-bottom:4px}
figcaption b{color:var(--ink);font-weight:600}section>figure{max-width:720px}
.wide{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;font-size:14px;margin:6px 0 12px}
caption{text-align:left;color:var(--quiet);font-size:13px;padding:4px 0}
th,td{padding:4px 18px 4px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid);font-weight:400}
thead th{color:var(--quiet);font-size:13px;border-bottom:1px solid var(--line);vertical-align:bottom}
tr>:last-child{padding-right:0}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
thead th.n{white-space:normal;min-width:66px}.results{min-width:min(100%,760px)}
.results tbody th,.results td:nth-child(2),.results td:nth-child(3){white-space:nowrap}
.results td:nth-child(4){font-weight:620}
.facts th,.facts td{max-width:460px;overflow-wrap:anywhere}.facts tbody th{color:var(--quiet);white-space:nowrap}
.differs{color:var(--warn)}pre{overflow:auto;font:12.5px/1.5 ui-monospace,Menlo,Consolas,monospace;max-height:480px;
background:var(--page);border-radius:8px;padding:14px}code{font:13px ui-monospace,Menlo,Consolas,monospace}
.bars td:nth-child(2),.bars td:nth-child(3){min-width:60px}
svg.small{display:block;width:110px;height:8px;margin-top:7px}
.run{margin-right:8px}.run::before{content:"";display:inline-block;width:10px;height:10px;border-radius:3px;
margin-right:7px;background:var(--t5)}
.run.t0::before{background:var(--t0)}.run.t1::before{background:var(--t1)}.run.t2::before{background:var(--t2)}
.run.t3::before{background:var(--t3)}.run.t4::before{background:var(--t4)}.run.t5::before{background:var(--t5)}
.legend-runs{display:flex;flex-wrap:wrap;gap:4px 20px;margin:0 0 6px;padding:0;list-style:none;font-size:14px}
.badge{display:inline-block;border-radius:99px;padding:1px 11px;font-size:13px;font-weight:600}
.badge.good{background:var(--good-soft);color:var(--good)}.badge.bad{background:var(--bad-soft);color:var(--bad)}
.badge.warn{background:var(--warn-soft);color:var(--warn)}
.outcome.ok{color:var(--good)}.outcome.failed{color:var(--bad);font-weight:600}.outcome.remark{color:var(--warn)}
.outcome.not-checked{color:var(--quiet)}.verdict+.verdict{margin-top:14px;border-top:1px solid var(--grid);
padding-top:14px}
details{margin:6px 0}summary{cursor:pointer;color:var(--link);font-size:14px;width:fit-content}
ul{margin:4px 0 10px;padding-left:20px}
svg.plot,svg.sound{display:block;width:100%;height:auto}svg.plot{max-width:600px}
svg text{font:11px system-ui,-apple-system,sans-serif;fill:var(--quiet)}
svg .name,svg .value{font-size:12px;fill:var(--ink)}svg .value{font-variant-numeric:tabular-nums}
svg .grid{stroke:var(--grid);stroke-width:1}svg .axis{stroke:var(--quiet)}
.curve{fill:none;stroke-width:1.8;stroke-linejoin:round}.leader{fill:none;stroke-width:1;opacity:.6}
.span{stroke-width:2.5}
svg .end{font-size:11px}
.t0{--tone:var(--t0)}.t1{--tone:var(--t1)}.t2{--tone:var(--t2)}.t3{--tone:var(--t3)}.t4{--tone:var(--t4)}
.t5{--tone:var(--t5)}
.l0{--tone:#59359c}.l1{--tone:#6341ad}.l2{--tone:#5a55bd}.l3{--tone:#4a6bc4}.l4{--tone:#3a80c0}.l5{--tone:#2f93b1}
.l6{--tone:#2ba39a}.l7{--tone:#3cae7d}.l8{--tone:#63b35d}.l9{--tone:#94b23f}.l10{--tone:#c3a62f}.l11{--tone:#e0912f}
@media screen and (prefers-color-scheme:dark){.l0{--tone:#8a66d6}.l1{--tone:#8f75e0}.l2{--tone:#8488e8}}
.curve,.leader,.span{stroke:var(--tone)}.mark,rect.bar{fill:var(--tone)}.mark{stroke:var(--card);stroke-width:1.5}
.mark.hollow{fill:var(--card);stroke:var(--tone);stroke-width:2.2}.span.hollow{opacity:.55}
svg text.end,svg text.name[class*=" t"]{fill:var(--tone)}
.utterance{border-top:1px solid var(--grid);padding:12px 0 4px}.utterance p{margin:0 0 2px}.count{font-size:13px}
.pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,440px),1fr));gap:0 30px}
.steps{display:flex;flex-wrap:wrap;gap:4px 5px;margin-bottom:8px}
.step{display:inline-flex;flex-direction:column;border-radius:5px;padding:0 6px;line-height:1.4}
.step.hit{padding:0 3px}.step.hit .heard{color:var(--quiet)}
.step.substituted{background:var(--bad-soft)}.step.deleted{background:var(--warn-soft)}
.step.inserted{background:var(--ins-soft)}
.step.substituted .heard{color:var(--bad);font-weight:600}.step.deleted .said{color:var(--warn);font-weight:600;
text-decoration:line-through}
.step.inserted .heard{color:var(--ins);font-weight:600;text-decoration:underline}.key{display:inline-block;
margin-right:6px}
.step.substituted.key .said{color:var(--bad);font-weight:600}.step.inserted.key .said{color:var(--ins);
text-decoration:underline;font-weight:600}
.hearing{border-top:1px solid var(--grid);padding:16px 0 8px}.hearing svg{min-width:720px;cursor:pointer}
.hearing audio{display:block;width:100%;max-width:520px;height:38px;margin:8px 0}
.blank{fill:none;stroke:var(--quiet);stroke-width:1;opacity:.5;stroke-dasharray:2 2}
.bump{fill:var(--tone);fill-opacity:.28;stroke:var(--tone);stroke-width:1.3}svg text.token{font-size:11px;
font-weight:600;fill:var(--tone)}
.word{fill:var(--good-soft);stroke:var(--good);stroke-opacity:.35}.word.missed{fill:var(--bad-soft);
stroke:var(--bad);stroke-opacity:.7}
svg text.spoken{fill:var(--ink);font-size:11.5px}.playhead{stroke:#fff;stroke-width:1.6;mix-blend-mode:difference;
visibility:hidden}
.playing .playhead{visibility:visible}
.k0{--tone:#3d7fd0}.k1{--tone:#d0662f}.k2{--tone:#2a9d7b}.k3{--tone:#b05ac0}.k4{--tone:#b98a14}.k5{--tone:#d1527b}
.k6{--tone:#5b9f35}.k7{--tone:#6d6be0}.k8{--tone:#2097ad}.k9{--tone:#c9533f}.k10{--tone:#8d8f20}.k11{--tone:#9c6bd3}
@media(max-width:640px){header,main{padding-left:12px;padding-right:12px}section{padding:16px 14px}
h1{font-size:25px}}
@media print{details:not([open]){display:none}.grid{grid-template-columns:1fr 1fr;gap:10px 18px}
table{font-size:10px}
.results{min-width:0}th,td{padding:2px 10px 2px 0}figcaption,p,.legend-runs{font-size:11px}.hearing svg{min-width:0}
:root{--page:#fff;--card:#fff;--ink:#000;--quiet:#444;--line:#bbb;--grid:#ddd;color-scheme:light}
body{font-size:11px}nav,audio,.skip{display:none}section{border:0;padding:0;margin-top:20px}
figure,tr,.utterance,.tile{break-inside:avoid}.wide{overflow:visible}*{print-color-adjust:exact;
-webkit-print-color-adjust:exact}
a{color:inherit;text-decoration:none}}
"""

PLAYER = """
for (const article of document.querySelectorAll('.hearing')) {
  const audio = article.querySelector('audio'), picture = article.querySelector('svg.sound');
  if (!audio || !picture) continue;
  const {left, right, seconds} = picture.dataset, head = picture.querySelector('.playhead');
  const draw = () => {
    const x = +left + (right - left) * Math.min(1, audio.currentTime / seconds);
    head.setAttribute('x1', x); head.setAttribute('x2', x);
    if (!audio.paused) requestAnimationFrame(draw);
  };
  const show = () => { picture.classList.add('playing'); draw(); };
  for (const name of ['play', 'seeked']) audio.addEventListener(name, show);
  picture.addEventListener('click', event => {
    const box = picture.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * picture.viewBox.baseVal.width;
    audio.currentTime = Math.max(0, (x - left) / (right - left) * seconds);
    audio.play();
  });
}
"""
