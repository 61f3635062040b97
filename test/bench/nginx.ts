/**
 * The peer for object traffic: nginx, two workers, serving and storing plain files (WebDAV PUT),
 * from Debian's package, which is unpacked and not installed.
 */

import {execFileSync, spawn, type ChildProcess} from 'node:child_process'
import {existsSync, mkdirSync, readdirSync, writeFileSync} from 'node:fs'
import {createServer} from 'node:net'
import {join} from 'node:path'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'

const CACHE = fileURLToPath(new URL('../../node_modules/.cache/bench', import.meta.url))
const START_TRIES = 100

export interface Nginx {
  readonly endpoint: string
  /** Folder of the files that it serves. */
  readonly files: string
  stop(): void
}

/** Unpacks nginx when it is not there and starts it. Throws with what to install when it cannot. */
export async function startNginx(directory: string): Promise<Nginx> {
  const binary = nginxBinary()
  const files = join(directory, 'nginx/files')
  for (const name of ['files', 'body', 'logs']) {
    mkdirSync(join(directory, 'nginx', name), {recursive: true})
  }
  const port = await freePort()
  const config = join(directory, 'nginx/nginx.conf')
  writeFileSync(config, configuration(join(directory, 'nginx'), port))
  const child = spawn(binary, ['-p', join(directory, 'nginx'), '-c', config], {stdio: 'inherit'})
  const endpoint = `127.0.0.1:${port}`
  await answers(endpoint, child)
  return {endpoint, files, stop: () => void child.kill('SIGTERM')}
}

function nginxBinary(): string {
  const unpacked = join(CACHE, 'nginx/usr/sbin/nginx')
  if (existsSync('/usr/sbin/nginx')) return '/usr/sbin/nginx'
  if (existsSync(unpacked)) return unpacked
  mkdirSync(CACHE, {recursive: true})
  execFileSync('apt-get', ['download', '-q', 'nginx'], {cwd: CACHE, stdio: 'pipe'})
  const file = readdirSync(CACHE).find((name) => name.startsWith('nginx_'))
  if (file === undefined) throw new Error('apt-get download nginx left no file: install nginx')
  execFileSync('dpkg-deb', ['-x', file, 'nginx'], {cwd: CACHE, stdio: 'pipe'})
  return unpacked
}

function configuration(directory: string, port: number): string {
  const user = process.getuid?.() === 0 ? 'user root root;' : ''
  return `${user}
daemon off;
worker_processes 2;
error_log ${directory}/logs/error.log warn;
pid ${directory}/nginx.pid;
events { worker_connections 512; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000;
  client_max_body_size 2g;
  client_body_temp_path ${directory}/body;
  proxy_temp_path ${directory}/body;
  fastcgi_temp_path ${directory}/body;
  uwsgi_temp_path ${directory}/body;
  scgi_temp_path ${directory}/body;
  server {
    listen 127.0.0.1:${port};
    root ${directory}/files;
    location / { dav_methods PUT DELETE; create_full_put_path on; }
  }
}
`
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

async function answers(endpoint: string, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < START_TRIES; tries += 1) {
    if (child.exitCode !== null) throw new Error(`nginx ended with ${child.exitCode}`)
    const up = await fetch(`http://${endpoint}/`).then(
      () => true,
      () => false,
    )
    if (up) return
    await sleep(50)
  }
  throw new Error('nginx does not answer')
}
