// Preloaded (node --require) by memory.mjs: leaves the process's peak resident memory in the file that PEAK_RSS_FILE names.
const { writeFileSync } = require('node:fs');
const file = process.env.PEAK_RSS_FILE;
delete process.env.PEAK_RSS_FILE; // not for the children that probe
process.on('exit', () => writeFileSync(file, String(process.resourceUsage().maxRSS * 1024)));
