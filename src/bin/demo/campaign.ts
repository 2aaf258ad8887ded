import type { DemoContent } from './demo-content.ts'

const json = (value: unknown) => ({ format: 'json', raw: JSON.stringify(value, null, 2) }) as const

/** The Winter Roast, as it goes out to every channel. */
export const campaign: readonly DemoContent[] = [
  {
    name: 'winter-roast-ad',
    title: 'Winter Roast is here',
    type: 'ad',
    status: 'published',
    campaign: true,
    platforms: ['google_ads', 'meta_ads'],
    tags: ['winter-roast', 'launch'],
    metadata: { locale: 'en', budgetEur: 1_200, audience: 'coffee lovers, 25 to 54' },
    body: {
      format: 'html',
      raw: `<h1>Dark evenings deserve a bright cup.</h1>
<p>Winter Roast: cocoa, orange peel, a long warm finish. Roasted on Tuesdays, on your doorstep by
Friday.</p>
<p><a href="https://harbour-coffee.example/winter">Order the first batch</a></p>
`,
    },
  },
  {
    name: 'winter-roast-variants',
    title: 'Winter Roast: three headlines to test',
    type: 'ad',
    status: 'draft',
    campaign: true,
    platforms: ['meta_ads'],
    tags: ['winter-roast', 'experiment'],
    metadata: { locale: 'en', hypothesis: 'Smell sells better than price' },
    body: json({
      variants: [
        { id: 'A', headline: 'Smells like orange peel on the stove', share: 0.34 },
        { id: 'B', headline: 'Roasted Tuesday. Poured Friday.', share: 0.33 },
        { id: 'C', headline: '12 € for 24 warm evenings', share: 0.33 },
      ],
      stopAfterDays: 10,
    }),
  },
  {
    name: 'winter-roast-tweet',
    title: 'Countdown: three days',
    type: 'tweet',
    status: 'scheduled',
    scheduledInDays: 3,
    campaign: true,
    platforms: ['twitter'],
    hashtags: ['#WinterRoast'],
    mentions: ['@harbourcoffee'],
    metadata: { locale: 'en' },
    body: {
      format: 'text',
      raw: 'The drum is warm, the bags are stamped, and the whole pier smells of cocoa. ☕ Three days until #WinterRoast. Who wants the very first bag?',
    },
  },
  {
    name: 'winter-roast-story',
    title: 'Behind the drum, in five frames',
    type: 'story',
    status: 'published',
    campaign: true,
    platforms: ['instagram', 'facebook'],
    hashtags: ['#WinterRoast', '#behindthedrum'],
    metadata: { locale: 'en', expiresAfterHours: 24 },
    body: json({
      frames: [
        { seconds: 4, text: '5:40, the harbour is still asleep', image: 'pier-at-night.jpg' },
        { seconds: 4, text: '12 kilos go in', image: 'hopper.jpg' },
        { seconds: 6, text: 'Listen: first crack', video: 'first-crack.mp4' },
        { seconds: 4, text: 'And out!', image: 'cooling-tray.jpg' },
        { seconds: 5, text: 'Guess the notes', poll: ['Cocoa', 'Cherry', 'Orange peel'] },
      ],
    }),
  },
  {
    name: 'winter-roast-carousel',
    title: 'Five ways to drink Winter Roast',
    type: 'carousel',
    status: 'published',
    campaign: true,
    platforms: ['instagram', 'linkedin'],
    tags: ['winter-roast', 'recipes'],
    hashtags: ['#WinterRoast', '#coffeerecipes'],
    metadata: { locale: 'en', altTextChecked: true },
    body: json({
      slides: [
        { title: 'Flat white', text: '18 g in, 36 g out, 120 ml of milk at 60 °C.' },
        { title: 'French press', text: '60 g a litre, four minutes, break the crust, wait again.' },
        { title: 'Moka pot', text: 'Hot water below, low flame, off at the first gurgle.' },
        { title: 'Affogato', text: 'One scoop of vanilla. One espresso. No words.' },
        { title: 'Punch', text: 'Cold brew, orange juice, a stick of cinnamon, warmed slowly.' },
      ],
      callToAction: { label: 'All recipes', url: 'https://harbour-coffee.example/recipes' },
    }),
  },
  {
    name: 'latte-art-reel',
    title: 'Latte art in fifteen seconds (script)',
    type: 'reel',
    status: 'draft',
    platforms: ['instagram', 'tiktok', 'youtube'],
    tags: ['video', 'barista'],
    metadata: { locale: 'en', seconds: 15, sound: 'quiet piano' },
    body: {
      format: 'text',
      raw: `00:00  Top view, empty cup. Text: "The heart"
00:02  Espresso falls. No music yet, only the machine.
00:05  Milk from high up: the surface stays brown.
00:09  Pitcher down to the cup. White appears. Music in.
00:12  Pull through.
00:14  Cup turns towards us. Text: "You can do this by Sunday."
`,
    },
  },
  {
    name: 'roastery-tour-video',
    title: 'A tour of the roastery',
    type: 'video',
    status: 'scheduled',
    scheduledInDays: 12,
    campaign: true,
    platforms: ['youtube', 'web'],
    tags: ['video', 'roasting'],
    metadata: { locale: 'en', seconds: 312, subtitles: ['en', 'de', 'fr'] },
    body: {
      format: 'markdown',
      raw: `**A tour of the roastery** · 5:12

- 0:00 The pier in fog
- 0:40 Green coffee: why a sack from Huila smells of honey
- 1:55 The drum, built in 1974, and the laptop that watches it
- 3:20 Cupping: slurp as loudly as you can
- 4:30 Packing, by hand, on Tuesdays

Subtitles in English, German and French. Filmed by our neighbours from the sail loft.
`,
    },
  },
  {
    name: 'pier-at-night',
    title: 'The pier at night',
    type: 'image',
    status: 'published',
    campaign: true,
    platforms: ['instagram', 'web'],
    tags: ['winter-roast', 'photo'],
    metadata: { locale: 'en', photographer: 'Vera Viewer', licence: 'own work' },
    body: json({
      file: 'pier-at-night.jpg',
      width: 4_032,
      height: 3_024,
      alt: 'A lit window above dark water; behind the glass a red coffee roaster and two people.',
    }),
  },
  {
    name: 'december-newsletter',
    title: 'Newsletter: December, and a bag for you',
    type: 'post',
    status: 'scheduled',
    scheduledInDays: 10,
    campaign: true,
    platforms: ['email'],
    tags: ['newsletter', 'winter-roast'],
    metadata: { locale: 'en', segment: 'customers of the last 12 months', recipients: 4_318 },
    body: {
      format: 'html',
      raw: `<p>Good morning from Pier 4,</p>
<p>the first frost is on the mooring ropes, and <em>Winter Roast</em> is in the drum. This year it
is two thirds Huila and one third Guji, and for the first time we left it on for ten seconds more.
You will taste them as orange peel.</p>
<p>Whoever orders before the 10th finds a second, small bag in the parcel. It has no label. Tell us
what it tastes of, and the best guess names it.</p>
<p>Warm hands,<br>Olive, Edgar and Vera</p>
<p><small><a href="https://harbour-coffee.example/unsubscribe">No more letters, please</a></small></p>
`,
    },
  },
  {
    name: 'autumn-farewell',
    title: 'Goodbye, Autumn Blend',
    type: 'post',
    status: 'archived',
    platforms: ['facebook', 'instagram'],
    tags: ['autumn'],
    hashtags: ['#lastbag'],
    metadata: { locale: 'en', soldOutOn: '2026-11-08' },
    body: {
      format: 'text',
      raw: 'The last bag of Autumn Blend left the pier this morning, on the back of a cargo bike, in the rain. 1,140 of you have had it in the cupboard. Thank you. Something darker is coming.',
    },
  },
]
