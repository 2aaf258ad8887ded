import type { DemoContent } from './demo-content.ts'

/** What Harbour Coffee writes at length. */
export const articles: readonly DemoContent[] = [
  {
    name: 'nine-minutes',
    title: 'Nine minutes that decide a coffee',
    type: 'article',
    status: 'published',
    platforms: ['web'],
    tags: ['roasting', 'craft'],
    metadata: { locale: 'en', readingMinutes: 3, series: 'Behind the drum' },
    body: {
      format: 'markdown',
      raw: `# Nine minutes that decide a coffee

Green coffee smells of hay and peas. Nine minutes later it smells of caramel, berries or toast, and
which of them it is, we decide in the last ninety seconds.

## Minutes 0 to 4: drying

The beans go in at 195 °C and the drum cools at once. Nothing seems to happen. Water leaves, the
beans turn from green to straw yellow, and whoever hurries now pays for it later: the outside races
ahead and the cup tastes of grass.

## Minutes 4 to 7: browning

Sugars and amino acids react. This is where body comes from. We note the colour every thirty
seconds, by eye, next to a card that hangs in daylight.

## Minutes 7 to 9: first crack

A sound like popping corn. From here on we measure *development time*:

| Coffee | Development | In the cup |
| --- | --- | --- |
| Guji, washed | 70 s | jasmine, apricot |
| Huila, honey | 85 s | red apple, panela |
| Winter Roast | 110 s | cocoa, orange peel |

Then the door opens, and the beans have four minutes to become cold. What was not right by then will
not become right any more.
`,
    },
  },
  {
    name: 'water',
    title: 'Water is an ingredient',
    type: 'article',
    status: 'published',
    platforms: ['web', 'facebook'],
    tags: ['brewing', 'water'],
    metadata: { locale: 'en', readingMinutes: 2 },
    body: {
      format: 'html',
      raw: `<article>
  <h1>Water is an ingredient</h1>
  <p>A cup of coffee is <strong>98.5 % water</strong>. Guests who write that the same beans taste
  flat at home are nearly always right, and it is nearly never the beans.</p>
  <h2>Hard or soft?</h2>
  <p>Magnesium carries fruit, calcium carries body, and too much carbonate swallows acidity. Our
  harbour water has 14 °dH; we mix it one to one with water from a reverse osmosis filter.</p>
  <ol>
    <li>Fill a jug from the tap and leave it open overnight: chlorine is gone in the morning.</li>
    <li>Brew the same coffee with it and with a soft bottled water.</li>
    <li>Taste both when they are lukewarm. Heat hides differences.</li>
  </ol>
  <p>If the second one wins, a filter jug for 20&nbsp;€ improves your coffee more than a grinder
  for 200&nbsp;€.</p>
</article>
`,
    },
  },
  {
    name: 'guji-growers',
    title: 'A morning with the growers of Guji',
    type: 'post',
    status: 'published',
    platforms: ['web', 'instagram'],
    tags: ['origin', 'people', 'ethiopia'],
    hashtags: ['#guji', '#directtrade'],
    mentions: ['@hambela.washing.station'],
    metadata: { locale: 'en', lot: 'GJ-2026-04', altitudeMetres: 2_150 },
    body: {
      format: 'markdown',
      raw: `Six in the morning, 2,150 metres above the sea, and the raised beds are still covered
against the dew. Almaz lifts a corner of the cloth and smells.

"Not yet," she says. "Tonight."

The washing station in Hambela buys from 430 families. Most of them bring less than three hundred
kilos of cherries in a season, on foot or by donkey, and every sack is weighed in front of the person
who carried it. The price of the day is written on a board at the gate. It has been written there
for eleven years, and it has never been lower than the evening before.

We took 18 bags of lot **GJ-2026-04**. They will be in the shop from the first week of December.
`,
    },
  },
  {
    name: 'brew-guide-v60',
    title: 'Brew guide: V60 for two',
    type: 'document',
    status: 'published',
    platforms: ['web', 'email'],
    tags: ['brewing', 'guide'],
    metadata: { locale: 'en', revision: 7, grams: { coffee: 30, water: 500 } },
    body: {
      format: 'markdown',
      raw: `# V60 for two

**30 g coffee · 500 g water at 94 °C · 3:15 min · medium-fine**

1. Rinse the paper. Pour the water away: it tastes of paper.
2. 0:00 pour 60 g and swirl. The bed rises like bread.
3. 0:45 pour to 300 g in slow circles.
4. 1:30 pour to 500 g, in the middle only.
5. 2:00 one gentle swirl, so that the bed ends up flat.
6. 3:15 the last drops. Much earlier: grind finer. Much later: coarser.

Let it cool for three minutes. The third sip is the one to judge by.
`,
    },
  },
  {
    name: 'fair-price',
    title: 'What a fair price means to us (draft)',
    type: 'article',
    status: 'draft',
    tags: ['origin', 'transparency'],
    metadata: { locale: 'en', reviewers: ['Olive', 'Edgar'], figuresChecked: false },
    body: {
      format: 'markdown',
      raw: `# What a fair price means to us

> Edgar: the export costs are still last year's. Please do not publish before the new contract is
> signed.

In 2026 we paid 7.40 € for a kilo of green coffee on average. The exchange in New York stood at 5.10 €.

- **62 %** reached the farm
- **17 %** went to the washing station, for wages, water and repairs
- **13 %** was transport
- **8 %** was bank, insurance and customs

What we do *not* know is what a picker earns in a bad week. Until we do, we will not print the word
"fair" on a bag.
`,
    },
  },
  {
    name: 'summer-hours',
    title: 'Opening hours, summer 2026',
    type: 'document',
    status: 'archived',
    platforms: ['web'],
    tags: ['shop'],
    metadata: { locale: 'en', validUntil: '2026-09-30' },
    body: {
      format: 'text',
      raw: `HARBOUR COFFEE, PIER 4

Monday to Friday   7:00 to 18:00
Saturday           8:00 to 19:00
Sunday             9:00 to 17:00

In July and August the roastery is open to visitors on Saturdays at 11:00 and 15:00.
Ring the ship's bell, we may be next to the drum.
`,
    },
  },
]
