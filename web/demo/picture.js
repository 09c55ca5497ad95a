/**
 * picture.js: a drawn moving picture, for who has no camera at hand.
 */

const WIDTH = 1280
const HEIGHT = 720
const FRAMES_PER_SECOND = 24

/**
 * @param {string} name    whose picture it is: gives the initial and the colour
 * @param {number} [lines]
 * @returns {MediaStream}
 */
export function drawnPicture(name, lines = HEIGHT) {
  const scale = lines / HEIGHT
  const canvas = Object.assign(document.createElement('canvas'), { width: WIDTH * scale, height: lines })
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', { alpha: false }))
  context.scale(scale, scale)
  const hue = [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7)
  const stream = canvas.captureStream(FRAMES_PER_SECOND)
  const [track] = stream.getVideoTracks()
  const timer = setInterval(() => {
    if (track.readyState === 'ended') clearInterval(timer)
    else draw(context, name, hue, performance.now() / 1000)
  }, 1000 / FRAMES_PER_SECOND)
  draw(context, name, hue, 0)
  return stream
}

/**
 * Hills under a sky, a sun that goes round, and whose it is.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {string} name
 * @param {number} hue
 * @param {number} t  seconds
 */
function draw(context, name, hue, t) {
  const sky = context.createLinearGradient(0, 0, 0, HEIGHT)
  sky.addColorStop(0, `hsl(${hue} 45% 62%)`)
  sky.addColorStop(1, `hsl(${hue + 40} 60% 86%)`)
  context.fillStyle = sky
  context.fillRect(0, 0, WIDTH, HEIGHT)

  const angle = t * 0.7
  disc(context, WIDTH / 2 + 430 * Math.cos(angle), 330 - 210 * Math.sin(angle), 62, 'hsl(45 95% 88%)')
  for (let hill = 0; hill < 3; hill++) {
    context.fillStyle = `hsl(${hue - 15 * hill} ${28 + 6 * hill}% ${56 - 12 * hill}%)`
    context.beginPath()
    context.moveTo(0, HEIGHT)
    for (let x = 0; x <= WIDTH; x += 32) {
      const y = 440 + 75 * hill + 46 * Math.sin(x / (190 - 30 * hill) + t * (0.25 + 0.2 * hill) + 2 * hill)
      context.lineTo(x, y)
    }
    context.lineTo(WIDTH, HEIGHT)
    context.fill()
  }

  disc(context, WIDTH / 2, 330, 150, 'hsl(0 0% 100% / 88%)')
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillStyle = `hsl(${hue} 40% 30%)`
  context.font = '600 150px system-ui, sans-serif'
  context.fillText(name.slice(0, 1).toUpperCase(), WIDTH / 2, 340)
  context.fillStyle = '#fff'
  context.font = '500 40px system-ui, sans-serif'
  context.fillText(new Date().toLocaleTimeString(), WIDTH / 2, HEIGHT - 60)
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {string} colour
 */
function disc(context, x, y, radius, colour) {
  context.fillStyle = colour
  context.beginPath()
  context.arc(x, y, radius, 0, 2 * Math.PI)
  context.fill()
}
