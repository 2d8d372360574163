"""How the page of a report looks, in light and in dark."""

STYLE = """
:root{color-scheme:light dark;--page:#f6f7f9;--card:#fff;--ink:#1d232b;--quiet:#66717f;--line:#e2e6eb;--wave:#3b6ea8;
--bad:#c8443a;--mended:#2f8f5b;--warn:#c98a1b;--link:#2a62a5}
@media(prefers-color-scheme:dark){:root{--page:#14171b;--card:#1c2127;--ink:#e4e8ed;--quiet:#94a0ae;--line:#2c333b;
--wave:#7fb0e6;--bad:#ec7a70;--mended:#5fc08b;--warn:#e0b05a;--link:#86b6ee}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1100px;margin:0 auto;padding:32px 20px 80px}
h1{font-size:30px;margin:0;letter-spacing:-.01em}h2{font-size:17px;margin:0 0 8px}
p{margin:0}a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
.command{font:13px ui-monospace,monospace;color:var(--quiet)}.about{color:var(--quiet);margin-bottom:12px}
.overview{display:grid;grid-template-columns:minmax(0,3fr) minmax(0,2fr);gap:16px;align-items:start}
.overview>div,section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:18px 20px}
.overview h2:not(:first-child){margin-top:18px}
table{border-collapse:collapse;width:100%}td{padding:3px 12px 3px 0;vertical-align:top}
.n{text-align:right;font-variant-numeric:tabular-nums}.bar{width:26%}
.bar span{display:block;height:8px;border-radius:4px;margin-top:8px}td:first-child{white-space:nowrap}
span.bad{background:var(--bad)}span.mended{background:var(--mended)}span.warn{background:var(--warn)}
.legend{color:var(--quiet);font-size:13px;margin-top:12px}
.legend span{display:inline-block;width:10px;height:10px;border-radius:3px;margin:0 2px 0 10px}
.legend span:first-child{margin-left:0}
ul{margin:0;padding-left:18px}section{margin-top:16px}
.count{color:var(--quiet);font-weight:400;margin-left:4px}
.quiet{color:var(--quiet)}.path{font:12px/1.5 ui-monospace,monospace;color:var(--quiet);overflow-wrap:anywhere}
article{display:flex;flex-wrap:wrap;gap:8px 20px;padding:12px 0 12px 12px;border-top:1px solid var(--line);
border-left:3px solid var(--warn);margin-left:-12px}
article.bad{border-left-color:var(--bad)}article.mended{border-left-color:var(--mended)}
.what{flex:1 1 380px;min-width:0;overflow-wrap:anywhere}.said{color:var(--quiet);font-style:italic}
.sound{flex:0 0 250px;font-size:12px}
svg{display:block;width:100%;height:40px}svg path{stroke:var(--wave);fill:none;stroke-width:.8}
svg .axis{stroke:var(--line)}audio{display:block;width:100%;height:32px;margin-top:4px}
@media(max-width:760px){.overview{grid-template-columns:1fr}.sound{flex-basis:100%}}
"""
