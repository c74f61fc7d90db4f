// For operators who know PM2: pm2 start deploy/pm2/ecosystem.config.js
//   pm2 logs sms-worker     pm2 monit     pm2 restart voice-worker     pm2 stop all
// PM2 runs any program: these are Python's, in the project's own .venv. After an upgrade of the
// program: obidient db upgrade, then pm2 restart all.

const path = require("path");

const home = path.resolve(__dirname, "..", "..");
const bin = (name) => path.join(home, ".venv", "bin", name);

const common = {
  cwd: home,
  interpreter: "none",
  autorestart: true,
  exp_backoff_restart_delay: 1000,
  max_restarts: 1000000,
  // On TERM no new call begins; those in flight get 35 s, and the rest becomes unconfirmed.
  kill_timeout: 40000,
  time: false,
};

module.exports = {
  apps: [
    { ...common, name: "web", script: bin("gunicorn"), args: ["-c", "gunicorn.conf.py"] },
    { ...common, name: "sms-worker", script: bin("obidient"), args: ["worker", "sms"] },
    { ...common, name: "voice-worker", script: bin("obidient"), args: ["worker", "voice"] },
    {
      ...common,
      name: "results-worker",
      script: bin("obidient"),
      args: ["worker", "results-sync", "maintenance"],
    },
  ],
};
